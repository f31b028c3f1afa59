import { Link } from '@tanstack/react-router';
import type { SegmentRead } from '@/api/types';
import { Sparkline } from '@/components/chart/Sparkline';
import { count } from '@/components/format';
import { Time } from '@/components/Time';
import type { Column } from '@/components/table/DataTable';
import { text } from '@/strings';
import { segments as words } from '@/strings/segments';
import { Tags } from '../Tags';
import { Status } from './Status';
import classes from './segments.module.css';

/** So many characters of tags have room in a row. */
const TAG_ROOM = 11;

const TAGS: Column<SegmentRead> = {
  key: 'tags',
  header: words.columns.tags,
  width: 'minmax(96px, 1fr)',
  narrow: 'hidden',
  render: ({ tags }) => <Tags tags={tags} room={TAG_ROOM} />,
};

/**
 * The columns of the list; `trends` has the sizes on the last 30 days by segment id, `named` names an owner. There is
 * a column of tags if a segment has some.
 */
export function columnsOf(
  trends: ReadonlyMap<number, readonly number[]>,
  named: (actor: string) => string,
  isTagged: boolean,
): readonly Column<SegmentRead>[] {
  return [
    {
      key: 'name',
      header: words.columns.name,
      width: 'minmax(220px, 4fr)',
      narrow: 'title',
      render: (row) => <Name row={row} />,
    },
    ...(isTagged ? [TAGS] : []),
    {
      key: 'status',
      header: words.columns.status,
      width: '104px',
      narrow: 'detail',
      render: (row) => <Status status={row.status} />,
    },
    { key: 'users', header: words.columns.users, width: '76px', align: 'end', narrow: 'aside', render: usersOf },
    {
      key: 'trend',
      header: words.columns.trend,
      width: '104px',
      narrow: 'hidden',
      render: (row) => <Sparkline values={trends.get(row.id) ?? []} label={words.trend(row.name)} />,
    },
    {
      key: 'computed',
      header: words.columns.computed,
      width: '112px',
      render: (row) => <Time at={row.last_computed_at} />,
    },
    { key: 'refresh', header: words.columns.refresh, width: '84px', narrow: 'hidden', render: refreshOf },
    {
      key: 'owner',
      header: words.columns.owner,
      width: 'minmax(64px, 1fr)',
      narrow: 'hidden',
      render: ({ owner }) => <Owner name={owner === null ? null : named(owner)} />,
    },
    {
      key: 'id',
      header: words.columns.id,
      width: '64px',
      align: 'end',
      narrow: 'hidden',
      render: (row) => <code>{row.id}</code>,
    },
  ];
}

function Name({ row }: { row: SegmentRead }) {
  return (
    <span className={classes.name}>
      <Link to="/segments/$segmentId" params={{ segmentId: String(row.id) }} tabIndex={-1}>
        {row.name}
      </Link>
      {row.description && <span className="dim">{row.description}</span>}
    </span>
  );
}

function Owner({ name }: { name: string | null }) {
  if (name === null) return <span className="dim">{text.common.none}</span>;
  return <span title={name}>{name}</span>;
}

function usersOf(row: SegmentRead) {
  return row.last_computed_at === null ? <span className="dim">{text.common.none}</span> : count(row.member_count);
}

/** A static list has no refresh: it changes with its uploads. */
function refreshOf({ segment_type, refresh }: SegmentRead) {
  if (segment_type === 'static') return words.type.static;
  return segment_type === 'ai' ? `${words.refresh[refresh]} · ${words.type.ai}` : words.refresh[refresh];
}
