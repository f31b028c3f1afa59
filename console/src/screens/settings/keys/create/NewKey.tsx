import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { FormEvent } from 'react';
import { api, body } from '@/api/client';
import { useDraft } from '@/api/drafts';
import { useTenant } from '@/app/tenant';
import { ProblemText } from '@/components/ProblemText';
import { text } from '@/strings';
import { settings } from '@/strings/settings';
import { faultAt, unplaced } from '../../fields';
import { NewSecret } from '../NewSecret';
import { useKeysChanged, useTestTenant } from '../queries';
import { type KeyDraft, keyRequest, NEW_KEY } from '../scopes';
import { KindChoice } from './KindChoice';
import { PageFields } from './PageFields';
import { ScopeChoice } from './ScopeChoice';
import { TestChoice } from './TestChoice';

/** Create a key, and show it once. */
export function NewKey({ onClose }: { onClose: () => void }) {
  const words = settings.keys;
  const tenant = useTenant();
  const test = useTestTenant();
  const changed = useKeysChanged();
  const [draft, setDraft, drop] = useDraft<KeyDraft>(`key.${tenant.id}`, NEW_KEY);
  const create = useMutation({
    mutationFn: () =>
      body(
        api.POST('/api/auth/api-keys/', {
          body: keyRequest(draft, draft.test && test !== null ? test.id : tenant.id),
        }),
      ),
    onSuccess: () => {
      drop();
      void changed();
    },
  });
  if (create.data) return <NewSecret apiKey={create.data} onDone={onClose} />;
  const cancel = () => {
    drop();
    onClose();
  };
  const change = (part: Partial<KeyDraft>) => setDraft({ ...draft, ...part });
  const problem = unplaced(create.error, 'name', 'scopes', 'allowed_origins', 'require_signed_user_id');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <Modal opened onClose={cancel} title={words.createTitle} size={520}>
      <form onSubmit={submit}>
        <Stack>
          <TextInput
            label={words.name}
            description={words.nameHelp}
            required
            maxLength={100}
            data-autofocus
            value={draft.name}
            error={faultAt(create.error, 'name')}
            onChange={(event) => change({ name: event.currentTarget.value })}
          />
          <KindChoice value={draft.kind} onChange={(kind) => change({ kind })} />
          {test !== null && <TestChoice test={test} value={draft.test} onChange={(value) => change({ test: value })} />}
          {draft.kind === 'secret' ? (
            <ScopeChoice
              value={draft.scopes}
              onChange={(scopes) => change({ scopes })}
              error={faultAt(create.error, 'scopes')}
            />
          ) : (
            <PageFields draft={draft} onChange={change} error={create.error} />
          )}
          {problem !== null && <ProblemText problem={problem} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={cancel}>
              {text.common.cancel}
            </Button>
            <Button
              type="submit"
              loading={create.isPending}
              disabled={draft.kind === 'secret' && draft.scopes?.length === 0}
            >
              {words.submit}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
