import { Anchor, Button, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import type { ApiProblem } from '@/api/problem';
import { ProblemText } from '@/components/ProblemText';
import { text } from '@/strings';
import classes from './auth.module.css';
import type { SignUpDraft } from './SignUp';
import { toSlug } from './slug';
import { checkSlug } from './slug-check';

const PAUSE_MS = 250;

interface WorkspaceStepProps {
  draft: SignUpDraft;
  setDraft: (draft: SignUpDraft) => void;
  problem: ApiProblem | null;
  busy: boolean;
  onBack: () => void;
}

export function WorkspaceStep({ draft, setDraft, problem, busy, onBack }: WorkspaceStepProps) {
  const slug = draft.slug ?? toSlug(draft.name);
  return (
    <>
      <TextInput
        label={text.auth.tenantName}
        description={text.auth.tenantNameHelp}
        required
        data-autofocus
        value={draft.name}
        onChange={(event) => setDraft({ ...draft, name: event.currentTarget.value })}
      />
      <TextInput
        label={text.auth.slug}
        description={text.auth.slugHelp}
        required
        value={slug}
        onChange={(event) => setDraft({ ...draft, slug: event.currentTarget.value.toLowerCase() })}
      />
      <SlugState slug={slug} onUse={(suggestion) => setDraft({ ...draft, slug: suggestion })} />
      {problem !== null && <ProblemText problem={problem} />}
      <div className={classes.row}>
        <Button variant="default" onClick={onBack}>
          {text.auth.back}
        </Button>
        <Button type="submit" loading={busy} disabled={!slug || !draft.name}>
          {text.auth.create}
        </Button>
      </div>
    </>
  );
}

/** Whether the slug is free, checked once typing has paused. */
function SlugState({ slug, onUse }: { slug: string; onUse: (suggestion: string) => void }) {
  const [settled] = useDebouncedValue(slug, PAUSE_MS);
  const { data, error } = useQuery({
    queryKey: ['slug', settled],
    queryFn: ({ signal }) => checkSlug(settled, signal),
    enabled: settled !== '',
    retry: false,
  });
  if (!slug || slug !== settled || (!data && !error)) return <div className={classes.slug} />;
  if (error) return <div className={classes.slug} />;
  return (
    <div className={classes.slug} role="status">
      {data?.available && <span className={classes.free}>{text.auth.slugFree}</span>}
      {data && !data.available && <span className={classes.taken}>{text.auth.slugFault(data.fault ?? '')}</span>}
      {data?.suggestion && !data.available && (
        <Anchor component="button" type="button" size="xs" onClick={() => onUse(data.suggestion ?? '')}>
          {text.auth.useSuggestion(data.suggestion)}
        </Anchor>
      )}
    </div>
  );
}
