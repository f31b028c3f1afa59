import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, body } from '@/api/client';
import { useDraft } from '@/api/drafts';
import type { ActivationRead } from '@/api/types';
import { useTenant } from '@/app/tenant';
import { ProblemText } from '@/components/ProblemText';
import { faultAt, unplaced } from '@/screens/settings/fields';
import { text } from '@/strings';
import { activations } from '@/strings/activations';
import { useShowActivation } from '../queries';
import { ConnectorChoice, FormatChoice, SegmentField } from './choices';
import { type ActivationDraft, draftOf, HIDDEN, isComplete, newDraft, sentConfig, sentFields } from './draft';
import { ReceiverFields } from './ReceiverFields';

const words = activations.form;
const PLACED = [
  'segment',
  'url',
  'secret',
  'headers',
  'template',
  'batch_size',
  'consent',
  'description',
  'max_change_share',
];

interface ConnectorDialogProps {
  /** Null for a new one. */
  activation: ActivationRead | null;
  /** The segment of a new one, if it cannot be chosen. */
  segment?: number;
  onClose: () => void;
  onSaved?: (activation: ActivationRead) => void;
}

/** Create or change an activation. */
export function ConnectorDialog({ activation, segment, onClose, onSaved }: ConnectorDialogProps) {
  const tenant = useTenant();
  const key = `activation.${tenant.id}.${activation?.id ?? `new.${segment ?? ''}`}`;
  const initial = activation === null ? newDraft(segment) : draftOf(activation);
  const [draft, setDraft, drop] = useDraft<ActivationDraft>(key, initial);
  const stored = secretOf(activation);
  // A draft outlives a reload in the storage of the browser, where no secret belongs.
  const [secret, setSecret] = useState(stored);
  const close = () => {
    drop();
    onClose();
  };
  const save = useSave(activation, draft, secret, (saved) => {
    close();
    onSaved?.(saved);
  });
  const change = (part: Partial<ActivationDraft>) => setDraft({ ...draft, ...part });
  const problem = unplaced(save.error, ...PLACED);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  const title = activation === null ? words.newTitle : words.editTitle(activation.id);
  return (
    <Modal opened onClose={close} title={title} size={560}>
      <form onSubmit={submit}>
        <Stack>
          {activation === null && (
            <ConnectorChoice value={draft.connector} onChange={(connector) => change({ connector })} />
          )}
          <SegmentField
            value={draft.segment}
            onChange={(value) => change({ segment: value })}
            error={faultAt(save.error, 'segment')}
            disabled={activation !== null || segment !== undefined}
          />
          {draft.connector === 'file' ? (
            <FormatChoice value={draft.format} onChange={(format) => change({ format })} />
          ) : (
            <ReceiverFields
              draft={draft}
              onChange={change}
              secret={secret}
              onSecret={setSecret}
              isStored={stored === HIDDEN}
              error={save.error}
            />
          )}
          <TextInput
            label={words.share}
            description={words.shareHelp}
            placeholder="50"
            inputMode="decimal"
            value={draft.share}
            error={faultAt(save.error, 'max_change_share')}
            onChange={(event) => change({ share: event.currentTarget.value })}
          />
          <TextInput
            label={words.description}
            maxLength={500}
            value={draft.description}
            error={faultAt(save.error, 'description')}
            onChange={(event) => change({ description: event.currentTarget.value })}
          />
          {problem !== null && <ProblemText problem={problem} />}
          <Group justify="space-between">
            <span className="dim">{activation === null && words.inactive}</span>
            <Group>
              <Button variant="default" onClick={close}>
                {text.common.cancel}
              </Button>
              <Button type="submit" loading={save.isPending} disabled={!isComplete(draft)}>
                {words.save}
              </Button>
            </Group>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function secretOf(activation: ActivationRead | null): string {
  return activation !== null && 'secret' in activation.config ? (activation.config.secret ?? '') : '';
}

function useSave(
  activation: ActivationRead | null,
  draft: ActivationDraft,
  secret: string,
  onSaved: (activation: ActivationRead) => void,
) {
  const tenant = useTenant();
  const show = useShowActivation();
  const fields = sentFields(draft);
  const config = sentConfig(draft, secret);
  const about = { tenant: tenant.id, segment: Number(draft.segment), connector_type: draft.connector };
  return useMutation({
    mutationFn: () =>
      activation === null
        ? body(api.POST('/api/activations/', { body: { ...about, ...fields, config } }))
        : body(
            api.PATCH('/api/activations/{activation_id}/', {
              params: { path: { activation_id: activation.id } },
              body: { ...fields, config },
            }),
          ),
    onSuccess: (saved) => {
      show(saved);
      onSaved(saved);
    },
  });
}
