import { Button, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import type { UserSummaryRead } from '@/api/types';
import { count } from '@/components/format';
import { Icon } from '@/components/icons';
import { CodeBlock } from '@/components/Mono';
import { Screen } from '@/components/Screen';
import { Empty, QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import { type Column, DataTable } from '@/components/table/DataTable';
import { trackCurl } from '@/screens/events/curl';
import { users as strings } from '@/strings/users';
import { useUsers } from './queries';
import classes from './users.module.css';

const words = strings;
const PAUSE_MS = 250;

const columns: Column<UserSummaryRead>[] = [
  {
    key: 'id',
    header: words.columns.id,
    width: 'minmax(180px, 2fr)',
    narrow: 'title',
    render: ({ user_id }) => <code>{user_id}</code>,
  },
  {
    key: 'events',
    header: words.columns.events,
    width: '90px',
    align: 'end',
    narrow: 'aside',
    render: ({ event_count }) => count(event_count),
  },
  {
    key: 'first',
    header: words.columns.first,
    width: 'minmax(110px, 200px)',
    narrow: 'hidden',
    render: ({ first_seen }) => <Time at={first_seen} />,
  },
  {
    key: 'last',
    header: words.columns.last,
    width: 'minmax(110px, 200px)',
    render: ({ last_seen }) => <Time at={last_seen} />,
  },
];

type Search = { q?: string; trait?: string; value?: string };

function given(search: Search): Search {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => Boolean(value)));
}

/** User Explorer: find users by id, a part of it, or a trait. */
export function Users() {
  const { q, trait, value } = useSearch({ from: '/frame/users' });
  const search = given({ q: q ?? '', trait: trait ?? '', value: trait ? (value ?? '') : '' });
  const pages = useUsers(search);
  const navigate = useNavigate();
  const open = ({ user_id }: UserSummaryRead) => void navigate({ to: '/users/$userId', params: { userId: user_id } });
  const found = pages.total === null ? words.about : words.found(count(pages.total), pages.total === 1);
  return (
    <Screen title={words.title} about={found} tabs={<SearchFields search={search} />} fill>
      <QueryState
        query={pages.query}
        empty={{ when: () => pages.rows.length === 0, show: <Nothing searched={Object.keys(search).length > 0} /> }}
      >
        {() => (
          <DataTable
            label={words.title}
            columns={columns}
            rows={pages.rows}
            rowKey={({ user_id }) => user_id}
            onOpen={open}
            more={pages.more}
            onEnd={pages.loadMore}
            total={pages.total}
          />
        )}
      </QueryState>
    </Screen>
  );
}

const FIELDS = [
  { name: 'q', label: words.search, placeholder: words.searchPlaceholder },
  { name: 'trait', label: words.trait, placeholder: words.traitPlaceholder },
  { name: 'value', label: words.value, placeholder: words.valuePlaceholder },
] as const;

function SearchFields({ search }: { search: Search }) {
  const navigate = useNavigate({ from: '/users' });
  const [typed, setTyped] = useState<Search>(search);
  const apply = useDebouncedCallback(
    (next: Search) =>
      void navigate({
        search: ({ q: _q, trait: _trait, value: _value, ...rest }) => ({ ...rest, ...given(next) }),
        replace: true,
      }),
    PAUSE_MS,
  );
  const change = (next: Search) => {
    setTyped(next);
    apply(next);
  };
  return (
    <search className={classes.search}>
      {FIELDS.map(({ name, label, placeholder }) => (
        <TextInput
          key={name}
          aria-label={label}
          placeholder={placeholder}
          leftSection={name === 'q' ? <Icon name="search" size={14} /> : undefined}
          value={typed[name] ?? ''}
          disabled={name === 'value' && !typed.trait}
          onChange={(event) => change({ ...typed, [name]: event.currentTarget.value })}
          className={name === 'q' ? (classes.wide ?? '') : (classes.field ?? '')}
          data-autofocus={name === 'q' || undefined}
        />
      ))}
      {Object.keys(given(typed)).length > 0 && (
        <Button variant="subtle" color="gray" onClick={() => change({})}>
          {words.clear}
        </Button>
      )}
    </search>
  );
}

function Nothing({ searched }: { searched: boolean }) {
  if (searched) return <Empty title={words.nothingTitle}>{words.nothing}</Empty>;
  return (
    <Empty title={words.emptyTitle} action={<CodeBlock label={words.curl}>{trackCurl('user-123')}</CodeBlock>}>
      {words.empty}
    </Empty>
  );
}
