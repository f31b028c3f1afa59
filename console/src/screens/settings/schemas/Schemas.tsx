import { Button } from '@mantine/core';
import { useState } from 'react';
import { api, body } from '@/api/client';
import type { EventSchemaRead, RejectionRead } from '@/api/types';
import { useMay } from '@/app/tenant';
import { Confirm } from '@/components/Confirm';
import { count } from '@/components/format';
import { Icon } from '@/components/icons';
import { Empty, QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import { type Column, DataTable } from '@/components/table/DataTable';
import { schemas } from '@/strings/schemas';
import { Act } from '../Act';
import { SettingsScreen } from '../SettingsScreen';
import classes from '../settings.module.css';
import { useSchemas, useSchemasChanged, useViolations } from './queries';
import { SchemaDialog } from './SchemaDialog';

type Open = { dialog: 'edit'; schema: EventSchemaRead | null } | { dialog: 'delete'; schema: EventSchemaRead } | null;
type ByType = ReadonlyMap<string, readonly RejectionRead[]>;

/** The event schemas of the workspace. */
export function Schemas() {
  const member = useMay('member');
  const pages = useSchemas();
  const violations = useViolations();
  const [open, setOpen] = useState<Open>(null);
  const create = member ? (
    <Button leftSection={<Icon name="plus" size={14} />} onClick={() => setOpen({ dialog: 'edit', schema: null })}>
      {schemas.create}
    </Button>
  ) : undefined;
  return (
    <SettingsScreen tab="schemas" about={schemas.about} {...(create === undefined ? {} : { actions: create })} fill>
      <QueryState
        query={pages.query}
        empty={{
          when: () => pages.rows.length === 0,
          show: (
            <Empty title={schemas.emptyTitle} action={create}>
              {schemas.empty}
            </Empty>
          ),
        }}
      >
        {() => (
          <DataTable
            label={schemas.what}
            columns={columns(violations, member ? setOpen : null)}
            rows={pages.rows}
            rowKey={({ id }) => String(id)}
            {...(member ? { onOpen: (schema: EventSchemaRead) => setOpen({ dialog: 'edit', schema }) } : {})}
            more={pages.more}
            onEnd={pages.loadMore}
            total={pages.total}
          />
        )}
      </QueryState>
      {open?.dialog === 'edit' && (
        <SchemaDialog
          schema={open.schema}
          violations={violations.get(open.schema?.event_type ?? '') ?? []}
          onClose={() => setOpen(null)}
        />
      )}
      {open?.dialog === 'delete' && <DeleteSchema schema={open.schema} onClose={() => setOpen(null)} />}
    </SettingsScreen>
  );
}

function DeleteSchema({ schema, onClose }: { schema: EventSchemaRead; onClose: () => void }) {
  const changed = useSchemasChanged();
  const remove = async () => {
    await body(api.DELETE('/api/schemas/{schema_id}/', { params: { path: { schema_id: schema.id } } }));
    await changed();
  };
  return (
    <Confirm
      opened
      onClose={onClose}
      title={schemas.deleteOf(schema.event_type)}
      action={schemas.delete}
      onConfirm={remove}
    >
      {schemas.deleteDetail}
    </Confirm>
  );
}

/** `act` is null for who may not change schemas. */
function columns(violations: ByType, act: ((open: Open) => void) | null): readonly Column<EventSchemaRead>[] {
  const names = schemas.columns;
  return [
    {
      key: 'type',
      header: names.type,
      width: 'minmax(140px, 2fr)',
      narrow: 'title',
      render: ({ event_type }) => <span title={event_type}>{event_type}</span>,
    },
    {
      key: 'mode',
      header: names.mode,
      width: 'minmax(130px, 1fr)',
      render: ({ mode }) => schemas.form.modes[mode],
    },
    {
      key: 'properties',
      header: names.properties,
      width: '130px',
      narrow: 'hidden',
      render: ({ properties }) =>
        schemas.required(properties.length, properties.filter(({ required }) => required).length),
    },
    {
      key: 'violations',
      header: names.violations,
      width: '90px',
      align: 'end',
      narrow: 'hidden',
      render: ({ event_type }) =>
        count((violations.get(event_type) ?? []).reduce((total, entry) => total + entry.count, 0)),
    },
    {
      key: 'changed',
      header: names.changed,
      width: '120px',
      narrow: 'hidden',
      render: ({ updated_at }) => <Time at={updated_at} />,
    },
    {
      key: 'actions',
      header: '',
      width: '44px',
      align: 'end',
      narrow: 'aside',
      render: (schema) =>
        act === null ? null : (
          <div className={classes.acts}>
            <Act
              icon="trash"
              tip={schemas.delete}
              label={schemas.deleteOf(schema.event_type)}
              onClick={() => act({ dialog: 'delete', schema })}
            />
          </div>
        ),
    },
  ];
}
