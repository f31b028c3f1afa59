import { Button, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { FormEvent } from 'react';
import { api, body } from '@/api/client';
import { useDraft } from '@/api/drafts';
import type { TenantRead } from '@/api/types';
import { meQuery, useAccount, useMay } from '@/app/tenant';
import { ProblemText } from '@/components/ProblemText';
import { settings } from '@/strings/settings';
import { faultAt, unplaced } from '../fields';
import classes from '../settings.module.css';
import { SlugHint } from './SlugHint';

/** The workspace that keeps test data apart: which it is, or the form that creates it. */
export function TestTenant({ tenant }: { tenant: TenantRead }) {
  const words = settings.general;
  return (
    <section className={classes.section}>
      <h2>{words.testTitle}</h2>
      {tenant.is_test ? (
        <p className="dim">{words.isTest}</p>
      ) : (
        <>
          <p className="dim">{words.testDetail}</p>
          {tenant.test_tenant === null ? <Missing tenant={tenant} /> : <Existing id={tenant.test_tenant} />}
        </>
      )}
    </section>
  );
}

function Existing({ id }: { id: number }) {
  const { tenants } = useAccount();
  const test = tenants.find((tenant) => tenant.id === id);
  if (test === undefined) return <p className="dim">{settings.general.hidden}</p>;
  return (
    <p>
      <Link to="/settings/$tab" params={{ tab: 'general' }} search={{ tenant: test.slug }}>
        {settings.general.open(test.name)}
      </Link>
    </p>
  );
}

function Missing({ tenant }: { tenant: TenantRead }) {
  const owner = useMay('owner');
  return owner ? <CreateTest tenant={tenant} /> : <p className="dim">{settings.general.none}</p>;
}

function CreateTest({ tenant }: { tenant: TenantRead }) {
  const words = settings.general;
  const cache = useQueryClient();
  const initial = { name: words.testNameOf(tenant.name), slug: `${tenant.slug}-test` };
  const [draft, setDraft, drop] = useDraft(`test-tenant.${tenant.id}`, initial);
  const create = useMutation({
    mutationFn: () => body(api.POST('/api/auth/tenants/', { body: { ...draft, is_test: true, test_of: tenant.id } })),
    onSuccess: async () => {
      drop();
      await cache.invalidateQueries({ queryKey: meQuery.queryKey });
      await cache.invalidateQueries({ queryKey: ['tenant', tenant.id] });
    },
  });
  const problem = unplaced(create.error, 'name', 'slug');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <form className={classes.form} onSubmit={submit}>
      <TextInput
        label={words.testName}
        required
        maxLength={100}
        value={draft.name}
        error={faultAt(create.error, 'name')}
        onChange={(event) => setDraft({ ...draft, name: event.currentTarget.value })}
      />
      <TextInput
        label={words.testSlug}
        required
        value={draft.slug}
        error={faultAt(create.error, 'slug')}
        onChange={(event) => setDraft({ ...draft, slug: event.currentTarget.value.toLowerCase() })}
      />
      <SlugHint slug={draft.slug} onUse={(slug) => setDraft({ ...draft, slug })} />
      {problem !== null && <ProblemText problem={problem} />}
      <div>
        <Button type="submit" variant="default" loading={create.isPending}>
          {words.create}
        </Button>
      </div>
    </form>
  );
}
