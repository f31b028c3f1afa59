import { Button, SegmentedControl, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useId, useState } from 'react';
import { dropDraft, useDraft } from '@/api/drafts';
import { type ApiProblem, asProblem } from '@/api/problem';
import { useMay, useTenant } from '@/app/tenant';
import {
  createSegment,
  type Editor,
  evaluable,
  type NewSegment as Form,
  group,
  type LocatedFaults,
  locate,
  RuleEditor,
  useEditor,
  writeTree,
} from '@/builder';
import { ProblemText } from '@/components/ProblemText';
import { Screen } from '@/components/Screen';
import { Empty } from '@/components/states';
import { text } from '@/strings';
import { newSegment as words } from '@/strings/new-segment';
import classes from './new-segment.module.css';

const EMPTY: Form = { name: '', description: '', refresh: 'manual', kind: 'rule' };
const START = writeTree(group('AND'));

/** Create a segment: its name, and the rules or the list that decide who belongs to it. */
export function NewSegment() {
  const tenant = useTenant();
  const may = useMay('member');
  if (!may) {
    return (
      <Screen title={words.title}>
        <Empty title={text.common.noPermissionTitle}>{words.noRole}</Empty>
      </Screen>
    );
  }
  return <Creation key={tenant.id} tenant={tenant.id} />;
}

interface Creating {
  readonly isBusy: boolean;
  readonly problem: ApiProblem | null;
  readonly refused: LocatedFaults | null;
  readonly create: (form: Form, editor: Editor) => Promise<void>;
}

/** Create the segment and open it. */
function useCreating(tenant: number, forget: () => void): Creating {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [refused, setRefused] = useState<LocatedFaults | null>(null);
  const create = async (form: Form, editor: Editor) => {
    setBusy(true);
    setProblem(null);
    try {
      const segment = await createSegment(tenant, form, writeTree(editor.tree));
      forget();
      void client.invalidateQueries({ queryKey: ['segments'] });
      await navigate({ to: '/segments/$segmentId', params: { segmentId: String(segment.id) } });
    } catch (error) {
      const refusal = asProblem(error);
      setProblem(refusal);
      setRefused(refusal.faults.length > 0 ? locate(editor.tree, refusal.faults) : null);
      setBusy(false);
    }
  };
  return { isBusy, problem, refused, create };
}

function Creation({ tenant }: { readonly tenant: number }) {
  const key = `segment.new.${tenant}`;
  const [form, setForm, dropForm] = useDraft<Form>(`${key}.form`, EMPTY);
  const editor = useEditor({ key, definition: START, version: null });
  const [showMissing, setShowMissing] = useState(false);
  const forget = () => {
    dropForm();
    dropDraft(key);
  };
  const creating = useCreating(tenant, forget);
  const isRule = form.kind === 'rule';
  const hasGaps = isRule && evaluable(editor.tree).unfinished.length > 0;
  const isNamed = form.name.trim() !== '';
  const submit = () => {
    setShowMissing(true);
    if (isNamed && !hasGaps) void creating.create(form, editor);
  };
  const footer = (
    <div className={classes.footer}>
      {showMissing && hasGaps && <p className={classes.missing}>{words.missing}</p>}
      {creating.problem !== null && creating.problem.at('name') === null && (
        <ProblemText title={words.failed} problem={creating.problem} />
      )}
      <Button loading={creating.isBusy} onClick={submit}>
        {words.create}
      </Button>
    </div>
  );
  return (
    <Screen title={words.title} about={words.about}>
      <div className={classes.page}>
        <Fields
          form={form}
          onChange={setForm}
          nameError={creating.problem?.at('name') ?? (showMissing && !isNamed ? words.nameMissing : null)}
        />
        {isRule ? (
          <RuleEditor
            editor={editor}
            tenant={tenant}
            segmentId={null}
            showMissing={showMissing}
            refused={creating.refused}
          >
            {footer}
          </RuleEditor>
        ) : (
          footer
        )}
      </div>
    </Screen>
  );
}

interface FieldsProps {
  readonly form: Form;
  readonly onChange: (form: Form) => void;
  readonly nameError: string | null;
}

function Fields({ form, onChange, nameError }: FieldsProps) {
  const change = (changes: Partial<Form>) => onChange({ ...form, ...changes });
  return (
    <div className={classes.fields}>
      <TextInput
        label={words.name}
        placeholder={words.namePlaceholder}
        value={form.name}
        error={nameError}
        maxLength={255}
        required
        autoFocus
        className={classes.name ?? ''}
        onChange={(event) => change({ name: event.currentTarget.value })}
      />
      <TextInput
        label={words.description}
        placeholder={words.descriptionPlaceholder}
        value={form.description}
        maxLength={2000}
        className={classes.description ?? ''}
        onChange={(event) => change({ description: event.currentTarget.value })}
      />
      <Choice label={words.kind} names={words.kinds} value={form.kind} onChange={(kind) => change({ kind })} />
      {form.kind === 'rule' && (
        <Choice
          label={words.refresh}
          names={words.refreshes}
          value={form.refresh}
          onChange={(refresh) => change({ refresh })}
        />
      )}
      <p className={classes.detail}>{words.kindDetail[form.kind]}</p>
    </div>
  );
}

interface ChoiceProps<K extends string> {
  readonly label: string;
  readonly names: Readonly<Record<K, string>>;
  readonly value: K;
  readonly onChange: (value: K) => void;
}

function Choice<K extends string>({ label, names, value, onChange }: ChoiceProps<K>) {
  const id = useId();
  const data = (Object.keys(names) as K[]).map((key) => ({ value: key, label: names[key] }));
  return (
    <div>
      <div id={id} className={classes.label}>
        {label}
      </div>
      <SegmentedControl aria-labelledby={id} data={data} value={value} onChange={(next) => onChange(next as K)} />
    </div>
  );
}
