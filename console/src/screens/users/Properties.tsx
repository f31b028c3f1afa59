import { Link } from '@tanstack/react-router';
import type { TraitRead, UserRead } from '@/api/types';
import { Icon } from '@/components/icons';
import { CodeBlock } from '@/components/Mono';
import { Empty } from '@/components/states';
import { Time } from '@/components/Time';
import { type Column, DataTable } from '@/components/table/DataTable';
import { identifyCurl } from '@/screens/events/curl';
import { shown } from '@/screens/events/detail/payload';
import { users as strings } from '@/strings/users';
import { EventLink } from './EventLink';
import classes from './users.module.css';

const words = strings.properties;

function isScalar(value: unknown): boolean {
  return value !== null && typeof value !== 'object';
}

const columns: Column<TraitRead>[] = [
  {
    key: 'name',
    header: words.columns.name,
    width: 'minmax(120px, 1fr)',
    narrow: 'title',
    render: ({ name }) => <code>{name}</code>,
  },
  {
    key: 'value',
    header: words.columns.value,
    width: 'minmax(160px, 2fr)',
    narrow: 'aside',
    render: (trait) => <Value trait={trait} />,
  },
  {
    key: 'set',
    header: words.columns.set,
    width: 'minmax(100px, 140px)',
    render: ({ set_at }) => <Time at={set_at} />,
  },
  {
    key: 'by',
    header: words.columns.by,
    width: 'minmax(110px, 140px)',
    render: ({ message_id, set_at }) => (
      <EventLink messageId={message_id} at={set_at}>
        {words.open}
      </EventLink>
    ),
  },
];

function Value({ trait: { name, value } }: { trait: TraitRead }) {
  const label = words.users(`${name} = ${shown(value)}`);
  return (
    <span className={classes.value}>
      <code title={shown(value)}>{shown(value)}</code>
      {isScalar(value) && (
        <Link to="/users" search={{ trait: name, value: shown(value) }} aria-label={label} title={label}>
          <Icon name="users" size={13} />
        </Link>
      )}
    </span>
  );
}

/** The traits of a user, each with the event that set it. */
export function Properties({ user }: { user: UserRead }) {
  if (user.traits.length === 0) {
    return (
      <Empty
        title={words.emptyTitle}
        action={<CodeBlock label={words.identify}>{identifyCurl(user.user_id)}</CodeBlock>}
      >
        {words.empty}
      </Empty>
    );
  }
  return (
    <DataTable
      label={words.label}
      columns={columns}
      rows={user.traits}
      rowKey={({ name }) => name}
      total={user.traits.length}
    />
  );
}
