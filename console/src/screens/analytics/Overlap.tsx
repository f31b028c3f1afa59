import { Link } from '@tanstack/react-router';
import type { PairOverlapRead } from '@/api/types';
import { count } from '@/components/format';
import { Empty, QueryState } from '@/components/states';
import { type Column, DataTable } from '@/components/table/DataTable';
import { analytics } from '@/strings/analytics';
import classes from './analytics.module.css';
import { useOverlaps } from './queries';

const words = analytics.overlap;

function SegmentLink({ id, name }: { id: number; name: string }) {
  return (
    <Link to="/segments/$segmentId" params={{ segmentId: String(id) }}>
      {name}
    </Link>
  );
}

const columns: Column<PairOverlapRead>[] = [
  {
    key: 'pair',
    header: words.columns.pair,
    width: 'minmax(260px, 3fr)',
    narrow: 'title',
    render: (pair) => (
      <>
        <SegmentLink id={pair.seg_a_id} name={pair.seg_a_name} /> <span className="dim">{words.and}</span>{' '}
        <SegmentLink id={pair.seg_b_id} name={pair.seg_b_name} />
      </>
    ),
  },
  {
    key: 'both',
    header: words.columns.both,
    width: '80px',
    align: 'end',
    narrow: 'aside',
    render: ({ overlap }) => count(overlap),
  },
  {
    key: 'share',
    header: words.columns.share,
    width: 'minmax(140px, 1fr)',
    render: ({ overlap_pct }) => (
      <span className={classes.share}>
        <span className={classes.track}>
          <span style={{ width: `${Math.min(overlap_pct, 100)}%` }} />
        </span>
        {overlap_pct.toFixed(1)} %
      </span>
    ),
  },
];

/** The pairs of segments with the most common members. */
export function Overlap() {
  const query = useOverlaps();
  const empty = (
    <Empty title={words.emptyTitle} action={<Link to="/segments/new">{words.create}</Link>}>
      {words.empty}
    </Empty>
  );
  return (
    <>
      <p className={classes.note}>{words.about}</p>
      <QueryState query={query} empty={{ when: (pairs) => pairs.length === 0, show: empty }}>
        {(pairs) => (
          <DataTable
            label={words.label}
            columns={columns}
            rows={pairs}
            rowKey={({ seg_a_id, seg_b_id }) => `${seg_a_id} ${seg_b_id}`}
            total={pairs.length}
          />
        )}
      </QueryState>
    </>
  );
}
