import { Button, NumberInput, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, body } from '@/api/client';
import { useDraft } from '@/api/drafts';
import type { RetentionRead } from '@/api/types';
import { useMay, useTenant } from '@/app/tenant';
import { Confirm } from '@/components/Confirm';
import { count } from '@/components/format';
import { Icon } from '@/components/icons';
import { QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import { privacy } from '@/strings/privacy';
import { Act } from '../Act';
import classes from '../settings.module.css';
import { complete, draftOf, type RetentionDraft, withType } from './retention-draft';

const words = privacy.retention;

/** For how long events are kept, and what was removed. Admins change it. */
export function Retention() {
  const tenant = useTenant();
  const admin = useMay('admin');
  const retention = useQuery({
    queryKey: ['retention', tenant.id],
    queryFn: () => body(api.GET('/api/explorer/retention/', { params: { query: { tenant: tenant.id } } })),
  });
  return (
    <section className={classes.section}>
      <h2>{words.title}</h2>
      <p className="dim">{words.about}</p>
      <QueryState query={retention}>
        {(stored) => (
          <>
            {admin ? <Form key={stored.changed_at ?? ''} stored={stored} /> : <Rules stored={stored} />}
            <Removed stored={stored} />
          </>
        )}
      </QueryState>
    </section>
  );
}

function Rules({ stored }: { stored: RetentionRead }) {
  const days = (value: number | null) => (value === null ? words.forever : words.daysOf(count(value), value === 1));
  return (
    <>
      <dl className={classes.facts}>
        <dt>{words.default}</dt>
        <dd>{days(stored.default_days ?? null)}</dd>
        {stored.event_types.map((rule) => (
          <Fact key={rule.event_type} name={rule.event_type} value={days(rule.days)} />
        ))}
      </dl>
      <p className="dim">{words.adminsOnly}</p>
    </>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}

function Removed({ stored }: { stored: RetentionRead }) {
  if (!stored.applied_at) return null;
  const removed = stored.removed.map(({ event_type, events }) => words.removed(count(events), event_type));
  return (
    <dl className={classes.facts}>
      <dt>{words.removedLabel}</dt>
      <dd>{removed.length === 0 ? count(0) : removed.join(', ')}</dd>
      <dt>{words.applied}</dt>
      <dd>
        <Time at={stored.applied_at} />
      </dd>
    </dl>
  );
}

function Form({ stored }: { stored: RetentionRead }) {
  const tenant = useTenant();
  const cache = useQueryClient();
  const [draft, setDraft, drop] = useDraft<RetentionDraft>(`retention.${tenant.id}`, draftOf(stored));
  const [asking, setAsking] = useState(false);
  const rules = complete(draft);
  const isSame = JSON.stringify(rules) === JSON.stringify(complete(draftOf(stored)));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setAsking(true);
  };
  const save = async () => {
    const change = { tenant: tenant.id, ...rules };
    const saved = await body(api.PUT('/api/explorer/retention/', { body: change }));
    drop();
    cache.setQueryData(['retention', tenant.id], saved);
  };
  return (
    <form className={classes.form} onSubmit={submit}>
      <NumberInput
        label={words.default}
        description={words.defaultHelp}
        placeholder={words.forever}
        min={1}
        max={36_500}
        allowDecimal={false}
        value={draft.default}
        onChange={(value) => setDraft({ ...draft, default: value })}
      />
      <Types draft={draft} onChange={setDraft} />
      <div>
        <Button type="submit" disabled={rules === null || isSame}>
          {words.save}
        </Button>
      </div>
      <Confirm
        opened={asking}
        onClose={() => setAsking(false)}
        title={words.confirmTitle}
        action={words.save}
        onConfirm={save}
      >
        {words.confirm}
      </Confirm>
    </form>
  );
}

function Types({ draft, onChange }: { draft: RetentionDraft; onChange: (draft: RetentionDraft) => void }) {
  const change = (key: number, part: { type?: string; days?: number | string }) =>
    onChange({ ...draft, types: draft.types.map((rule) => (rule.key === key ? { ...rule, ...part } : rule)) });
  return (
    <fieldset className={classes.fieldset}>
      <legend>{words.rules}</legend>
      {draft.types.map((rule, index) => (
        <div key={rule.key} className={classes.line}>
          <TextInput
            aria-label={words.type(index + 1)}
            placeholder={words.typePlaceholder}
            maxLength={256}
            value={rule.type}
            onChange={(event) => change(rule.key, { type: event.currentTarget.value })}
          />
          <NumberInput
            aria-label={words.days(index + 1)}
            placeholder={words.daysPlaceholder}
            min={1}
            max={36_500}
            allowDecimal={false}
            w={110}
            value={rule.days}
            onChange={(value) => change(rule.key, { days: value })}
          />
          <Act
            icon="trash"
            tip={words.remove}
            label={words.removeOf(index + 1)}
            onClick={() => onChange({ ...draft, types: draft.types.filter(({ key }) => key !== rule.key) })}
          />
        </div>
      ))}
      <div>
        <Button
          variant="default"
          size="compact-sm"
          leftSection={<Icon name="plus" size={14} />}
          onClick={() => onChange(withType(draft))}
        >
          {words.add}
        </Button>
      </div>
    </fieldset>
  );
}
