import { Autocomplete, Button, Group, Modal, Radio, Stack } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { FormEvent } from 'react';
import { api, body } from '@/api/client';
import { useDraft } from '@/api/drafts';
import type { EventSchemaRead, RejectionRead } from '@/api/types';
import { useTenant } from '@/app/tenant';
import { ProblemText } from '@/components/ProblemText';
import { useTypeNames } from '@/screens/ingestion/queries';
import { text } from '@/strings';
import { schemas } from '@/strings/schemas';
import { faultAt, unplaced } from '../fields';
import classes from '../settings.module.css';
import { draftOf, MODES, type Mode, numbered, type SchemaDraft, sentRules } from './draft';
import { PropertyRows } from './PropertyRows';
import { useSchemasChanged } from './queries';
import { Violations } from './Violations';

interface SchemaDialogProps {
  /** Null for a new one. */
  schema: EventSchemaRead | null;
  violations: readonly RejectionRead[];
  onClose: () => void;
}

/** Create or change a schema. */
export function SchemaDialog({ schema, violations, onClose }: SchemaDialogProps) {
  const words = schemas.form;
  const tenant = useTenant();
  const [draft, setDraft, drop] = useDraft<SchemaDraft>(`schema.${tenant.id}.${schema?.id ?? 'new'}`, draftOf(schema));
  const types = useTypeNames();
  const close = () => {
    drop();
    onClose();
  };
  const save = useSave(schema, draft, close);
  const infer = useMutation({
    mutationFn: () =>
      body(api.POST('/api/schemas/infer/', { body: { tenant: tenant.id, event_type: draft.event_type.trim() } })),
    onSuccess: ({ schemas: [inferred] }) => {
      if (inferred !== undefined) setDraft({ ...draft, rules: numbered(inferred.draft.properties) });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  const problem = unplaced(save.error, 'event_type') ?? unplaced(infer.error);
  const events = infer.data?.schemas[0]?.events;
  return (
    <Modal
      opened
      onClose={close}
      title={schema === null ? words.newTitle : schemas.editOf(schema.event_type)}
      size={640}
    >
      <form onSubmit={submit}>
        <Stack>
          <Autocomplete
            label={words.type}
            description={words.typeHelp}
            data={types}
            required
            withAsterisk={false}
            maxLength={200}
            disabled={schema !== null}
            value={draft.event_type}
            error={faultAt(save.error, 'event_type')}
            onChange={(event_type) => setDraft({ ...draft, event_type })}
          />
          <Radio.Group
            label={words.mode}
            value={draft.mode}
            onChange={(mode) => setDraft({ ...draft, mode: mode as Mode })}
          >
            <Stack gap={8} mt={6}>
              {MODES.map((mode) => (
                <Radio key={mode} value={mode} label={words.modes[mode]} description={words.modeHelp[mode]} />
              ))}
            </Stack>
          </Radio.Group>
          <PropertyRows rules={draft.rules} onChange={(rules) => setDraft({ ...draft, rules })} />
          <div className={classes.line}>
            <Button
              variant="default"
              size="compact-sm"
              loading={infer.isPending}
              disabled={draft.event_type.trim() === ''}
              onClick={() => infer.mutate()}
            >
              {words.infer}
            </Button>
            {events !== undefined && <span role="status">{words.inferred(events)}</span>}
          </div>
          {schema !== null && <Violations entries={violations} />}
          {problem !== null && <ProblemText problem={problem} />}
          <Group justify="space-between">
            <span className="dim">{words.soon}</span>
            <Group>
              <Button variant="default" onClick={close}>
                {text.common.cancel}
              </Button>
              <Button type="submit" loading={save.isPending}>
                {words.save}
              </Button>
            </Group>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function useSave(schema: EventSchemaRead | null, draft: SchemaDraft, onSaved: () => void) {
  const tenant = useTenant();
  const changed = useSchemasChanged();
  const { mode } = draft;
  const properties = sentRules(draft.rules);
  return useMutation({
    mutationFn: () =>
      schema === null
        ? body(
            api.POST('/api/schemas/', {
              body: { tenant: tenant.id, event_type: draft.event_type.trim(), mode, properties },
            }),
          )
        : body(
            api.PATCH('/api/schemas/{schema_id}/', {
              params: { path: { schema_id: schema.id }, header: { 'if-match': `"${schema.version}"` } },
              body: { mode, properties },
            }),
          ),
    onSuccess: () => {
      onSaved();
      void changed();
    },
  });
}
