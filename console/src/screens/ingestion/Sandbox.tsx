import { Autocomplete, Button, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { api, body } from '@/api/client';
import { useDraft } from '@/api/drafts';
import { ApiProblem, asProblem } from '@/api/problem';
import { useAccount, useMay, useTenant } from '@/app/tenant';
import { ProblemText } from '@/components/ProblemText';
import { Empty } from '@/components/states';
import { text } from '@/strings';
import { ingestion } from '@/strings/ingestion';
import classes from './ingestion.module.css';
import { readPayload } from './plain';
import { useTypeNames } from './queries';

const words = ingestion.sandbox;
const START = { event_type: 'page_viewed', user_id: 'test-user', payload: '{"path": "/pricing"}' };

/** Publishes one event to the test tenant. */
export function Sandbox() {
  const tenant = useTenant();
  const member = useMay('member');
  if (!member) return <Empty title={text.common.noPermissionTitle}>{text.common.noPermission(tenant.role)}</Empty>;
  if (tenant.is_test) return <Empty title={words.about}>{words.isTest}</Empty>;
  return (
    <div className={classes.page}>
      <p className="dim">{words.about}</p>
      <Form />
    </div>
  );
}

function Form() {
  const tenant = useTenant();
  const [draft, setDraft] = useDraft(`sandbox.${tenant.id}`, START);
  const types = useTypeNames();
  const payload = readPayload(draft.payload);
  const publish = useMutation({
    mutationFn: () =>
      body(
        api.POST('/api/explorer/sandbox/publish/', {
          body: {
            tenant: tenant.id,
            user_id: draft.user_id,
            event_type: draft.event_type,
            payload: payload ?? {},
          },
        }),
      ),
  });
  const missing = publish.error instanceof ApiProblem && publish.error.type === 'no-test-tenant';
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        publish.mutate();
      }}
    >
      <Autocomplete
        label={words.type}
        data={types}
        required
        withAsterisk={false}
        value={draft.event_type}
        onChange={(event_type) => setDraft({ ...draft, event_type })}
      />
      <TextInput
        label={words.user}
        required
        value={draft.user_id}
        onChange={(event) => setDraft({ ...draft, user_id: event.currentTarget.value })}
      />
      <Textarea
        label={words.payload}
        autosize
        minRows={4}
        maxRows={16}
        value={draft.payload}
        error={payload === null ? words.payloadInvalid : null}
        onChange={(event) => setDraft({ ...draft, payload: event.currentTarget.value })}
        classNames={{ input: classes.mono ?? '' }}
      />
      {publish.data && <Published {...publish.data} userId={draft.user_id} />}
      {missing && <NoTestTenant onCreated={() => publish.mutate()} />}
      {publish.error !== null && !missing && <ProblemText problem={asProblem(publish.error)} />}
      <Button type="submit" loading={publish.isPending} disabled={payload === null}>
        {words.publish}
      </Button>
    </form>
  );
}

interface PublishedProps {
  message_id: string;
  test_tenant: number;
  duplicates: number;
  userId: string;
}

function Published({ message_id, test_tenant, duplicates, userId }: PublishedProps) {
  const slug = useAccount().tenants.find(({ id }) => id === test_tenant)?.slug;
  return (
    <div className={classes.outcome} role="status">
      <strong>{words.done}</strong> {words.doneDetail(message_id)} {duplicates > 0 && words.duplicate}
      {slug !== undefined && (
        <div className={classes.links}>
          <Link to="/events" search={{ tenant: slug, user_id: userId }}>
            {words.open}
          </Link>
          <Link to="/users/$userId" params={{ userId }} search={{ tenant: slug }}>
            {words.openUser}
          </Link>
        </div>
      )}
    </div>
  );
}

/** Owners create the test tenant here; it is then a tenant to switch to. */
function NoTestTenant({ onCreated }: { onCreated: () => void }) {
  const tenant = useTenant();
  const owner = useMay('owner');
  const cache = useQueryClient();
  const create = useMutation({
    mutationFn: () =>
      body(
        api.POST('/api/auth/tenants/', {
          body: {
            name: words.testName(tenant.name),
            slug: `${tenant.slug.slice(0, 58)}-test`.replace('--', '-'),
            is_test: true,
            test_of: tenant.id,
          },
        }),
      ),
    onSuccess: async () => {
      await cache.invalidateQueries({ queryKey: ['me'] });
      onCreated();
    },
  });
  return (
    <div className={classes.missing} role="status">
      <strong>{words.noTestTitle}</strong>
      <p>{words.noTest}</p>
      {create.error !== null && <ProblemText problem={asProblem(create.error)} />}
      {owner ? (
        <Button variant="default" loading={create.isPending} onClick={() => create.mutate()}>
          {words.createTest}
        </Button>
      ) : (
        <p>{words.notOwner}</p>
      )}
    </div>
  );
}
