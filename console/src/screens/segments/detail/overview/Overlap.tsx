import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { api, body } from '@/api/client';
import type { SegmentDetail } from '@/api/types';
import { count, percent } from '@/components/format';
import { QueryState } from '@/components/states';
import { segment as words } from '@/strings/segment';
import { segmentKey } from '../queries';
import classes from './overview.module.css';

/** The API compares at most twenty segments. */
const OTHERS = 19;
const CANDIDATES = 200;

interface Shared {
  id: number;
  name: string;
  size: number;
  overlap: number;
}

/** Return the largest other segments of the tenant with the number of shared users, descending. */
async function readOverlaps(segment: SegmentDetail): Promise<Shared[]> {
  const { tenant } = segment;
  const { results } = await body(api.GET('/api/segments/', { params: { query: { tenant, limit: CANDIDATES } } }));
  const others = results
    .filter(({ id, last_computed_at }) => id !== segment.id && last_computed_at !== null)
    .sort((a, b) => b.member_count - a.member_count)
    .slice(0, OTHERS);
  if (others.length === 0) return [];
  const ids = [segment.id, ...others.map(({ id }) => id)];
  const { intersections } = await body(
    api.POST('/api/segments/membership/overlap/', { body: { tenant, segment_ids: ids } }),
  );
  const sharedWith = (id: number) =>
    intersections.find(({ segment_ids }) => segment_ids.includes(segment.id) && segment_ids.includes(id))?.size ?? 0;
  return others
    .map(({ id, name, member_count }) => ({ id, name, size: member_count, overlap: sharedWith(id) }))
    .filter(({ overlap }) => overlap > 0)
    .sort((a, b) => b.overlap - a.overlap);
}

/** Shared users with the other segments, as bars. */
export function Overlap({ segment }: { segment: SegmentDetail }) {
  const query = useQuery({
    queryKey: [...segmentKey(segment.id), 'overlap', segment.membership.run_id],
    queryFn: () => readOverlaps(segment),
    enabled: segment.membership.run_id !== null,
    staleTime: 60_000,
  });
  const none = <p className="dim">{words.overview.overlapNone}</p>;
  if (segment.membership.run_id === null) return none;
  return (
    <QueryState query={query} empty={{ when: (rows) => rows.length === 0, show: none }}>
      {(rows) => (
        <ul className={classes.bars}>
          {rows.map((row) => (
            <Bar key={row.id} row={row} size={segment.member_count} />
          ))}
        </ul>
      )}
    </QueryState>
  );
}

function Bar({ row, size }: { row: Shared; size: number }) {
  const share = size > 0 ? row.overlap / size : 0;
  return (
    <li>
      <Link to="/segments/$segmentId" params={{ segmentId: String(row.id) }}>
        {row.name}
      </Link>
      <span className={classes.track}>
        <span style={{ width: `${Math.min(share, 1) * 100}%` }} />
      </span>
      <span className={classes.number}>
        {count(row.overlap)} <span className="dim">{words.overview.overlapOf(count(row.size))}</span>
      </span>
      <span className="dim">{words.overview.overlapShare(percent(share))}</span>
    </li>
  );
}
