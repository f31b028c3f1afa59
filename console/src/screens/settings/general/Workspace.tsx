import { Button, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import type { FormEvent } from 'react';
import { api, body } from '@/api/client';
import { useDraft } from '@/api/drafts';
import type { Me, TenantRead } from '@/api/types';
import { meQuery, rememberTenant } from '@/app/tenant';
import { ProblemText } from '@/components/ProblemText';
import { settings } from '@/strings/settings';
import { faultAt, unplaced } from '../fields';
import classes from '../settings.module.css';
import { SlugHint } from './SlugHint';

interface Draft {
  name: string;
  slug: string;
}

/** Return the fields that differ from the tenant. */
export function changes(tenant: Draft, draft: Draft): Partial<Draft> {
  const changed: Partial<Draft> = {};
  if (draft.name !== tenant.name) changed.name = draft.name;
  if (draft.slug !== tenant.slug) changed.slug = draft.slug;
  return changed;
}

/** Save changes, and open the tenant under its new slug. */
function useSave(tenant: TenantRead, drop: () => void) {
  const cache = useQueryClient();
  const navigate = useNavigate();
  const search = useSearch({ strict: false });
  return useMutation({
    mutationFn: (draft: Draft) =>
      body(
        api.PATCH('/api/auth/tenants/{tenant_id}/', {
          params: { path: { tenant_id: tenant.id } },
          body: changes(tenant, draft),
        }),
      ),
    onSuccess: async (saved) => {
      drop();
      rememberTenant(saved.slug);
      cache.setQueryData<Me>(meQuery.queryKey, (me) => me && renamed(me, saved));
      cache.setQueryData(['tenant', saved.id], saved);
      if (search.tenant !== undefined) {
        await navigate({ to: '/settings/$tab', params: { tab: 'general' }, search: { tenant: saved.slug } });
      }
    },
  });
}

function renamed(me: Me, { id, name, slug }: TenantRead): Me {
  return { ...me, tenants: me.tenants.map((tenant) => (tenant.id === id ? { ...tenant, name, slug } : tenant)) };
}

/** The form with name and slug, for owners. */
export function Workspace({ tenant }: { tenant: TenantRead }) {
  const words = settings.general;
  const [draft, setDraft, drop] = useDraft<Draft>(`tenant.${tenant.id}`, { name: tenant.name, slug: tenant.slug });
  const save = useSave(tenant, drop);
  const slugChanged = draft.slug !== tenant.slug;
  const problem = unplaced(save.error, 'name', 'slug');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate(draft);
  };
  return (
    <form className={classes.form} onSubmit={submit}>
      <TextInput
        label={words.name}
        required
        maxLength={100}
        value={draft.name}
        error={faultAt(save.error, 'name')}
        onChange={(event) => setDraft({ ...draft, name: event.currentTarget.value })}
      />
      <TextInput
        label={words.slug}
        description={words.slugHelp}
        required
        value={draft.slug}
        error={faultAt(save.error, 'slug')}
        onChange={(event) => setDraft({ ...draft, slug: event.currentTarget.value.toLowerCase() })}
      />
      {slugChanged && <SlugHint slug={draft.slug} onUse={(slug) => setDraft({ ...draft, slug })} />}
      {slugChanged && <p className={classes.note}>{words.slugWarning(tenant.slug)}</p>}
      {problem !== null && <ProblemText problem={problem} />}
      <div>
        <Button type="submit" loading={save.isPending} disabled={Object.keys(changes(tenant, draft)).length === 0}>
          {words.save}
        </Button>
      </div>
    </form>
  );
}
