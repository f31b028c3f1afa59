import { Drawer } from '@mantine/core';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import type { RejectionRead } from '@/api/types';
import { count } from '@/components/format';
import { CodeBlock } from '@/components/Mono';
import { Detail } from '@/components/ProblemText';
import { Empty, QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import { type Column, DataTable } from '@/components/table/DataTable';
import { refusedCurl } from '@/screens/events/curl';
import { Fact } from '@/screens/events/detail/EventDetail';
import { ingestion } from '@/strings/ingestion';
import classes from './ingestion.module.css';
import { keyName, whatHappened, whatToDo } from './plain';
import { useRefused } from './queries';

const words = ingestion.errors;

const columns: Column<RejectionRead>[] = [
  {
    key: 'what',
    header: words.columns.what,
    width: 'minmax(220px, 3fr)',
    narrow: 'title',
    render: (entry) => (
      <>
        <strong className={classes.what}>{whatHappened(entry)}</strong>{' '}
        <span className="dim">
          · <Detail>{entry.detail}</Detail>
        </span>
      </>
    ),
  },
  {
    key: 'field',
    header: words.columns.field,
    width: 'minmax(90px, 180px)',
    render: ({ path }) => (path === '' ? <span className="dim">{words.all}</span> : <code>{path}</code>),
  },
  {
    key: 'key',
    header: words.columns.key,
    width: '140px',
    narrow: 'hidden',
    render: (entry) => <code>{keyName(entry) ?? words.noKey}</code>,
  },
  {
    key: 'count',
    header: words.columns.count,
    width: '60px',
    align: 'end',
    narrow: 'hidden',
    render: (entry) => count(entry.count),
  },
  {
    key: 'when',
    header: words.columns.when,
    width: '130px',
    narrow: 'aside',
    render: ({ at }) => <Time at={at} />,
  },
];

/** Refused requests and events, in plain words. A row opens all that is known about it. */
export function RecentErrors() {
  const pages = useRefused();
  const { error } = useSearch({ from: '/frame/ingestion' });
  const navigate = useNavigate({ from: '/ingestion' });
  const opened = pages.rows.find(({ id }) => id === error);
  const close = () => void navigate({ search: ({ error: _error, ...rest }) => rest });
  const empty = (
    <Empty title={words.emptyTitle} action={<CodeBlock label={words.curl}>{refusedCurl()}</CodeBlock>}>
      {words.empty}
    </Empty>
  );
  return (
    <>
      <p className={classes.note}>{words.about}</p>
      <QueryState query={pages.query} empty={{ when: () => pages.rows.length === 0, show: empty }}>
        {() => (
          <DataTable
            label={words.label}
            columns={columns}
            rows={pages.rows}
            rowKey={({ id }) => id}
            onOpen={({ id }) => void navigate({ search: (old) => ({ ...old, error: id }) })}
            more={pages.more}
            onEnd={pages.loadMore}
            total={pages.total}
          />
        )}
      </QueryState>
      {opened !== undefined && (
        <Drawer opened onClose={close} position="right" size={460} title={whatHappened(opened)}>
          <Refusal entry={opened} />
        </Drawer>
      )}
    </>
  );
}

function Refusal({ entry }: { entry: RejectionRead }) {
  const names = words.detail;
  const fix = whatToDo(entry);
  const key = keyName(entry);
  return (
    <dl className={classes.facts}>
      <Fact name={names.rule}>
        <Detail>{entry.detail}</Detail>
      </Fact>
      {fix !== null && <Fact name={names.fix}>{fix}</Fact>}
      <Fact name={names.field}>{entry.path === '' ? words.all : <code>{entry.path}</code>}</Fact>
      <Fact name={names.route}>
        <code>{entry.route}</code>
      </Fact>
      <Fact name={names.status}>{statusOf(entry)}</Fact>
      <Fact name={names.reason}>
        <code>{entry.reason}</code>
      </Fact>
      {entry.code !== '' && (
        <Fact name={names.code}>
          <code>{entry.code}</code>
        </Fact>
      )}
      <Fact name={names.key}>
        {key === null ? words.noKey : <code>{key}</code>}
        {entry.key_id !== null && (
          <Link to="/settings/$tab" params={{ tab: 'api-keys' }}>
            {names.keys}
          </Link>
        )}
      </Fact>
      {entry.origin !== '' && <Fact name={names.origin}>{entry.origin}</Fact>}
      {entry.user_agent !== '' && <Fact name={names.agent}>{entry.user_agent}</Fact>}
      <Fact name={names.first}>
        <Time at={entry.at} long />
      </Fact>
      <Fact name={names.count}>{count(entry.count)}</Fact>
    </dl>
  );
}

function statusOf({ status, reason }: RejectionRead): string | number {
  if (status !== 202) return status;
  return reason === 'event-skipped' ? words.detail.skipped : words.detail.accepted;
}
