import { useQueries } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { api, body } from '@/api/client';
import type { SegmentDetail } from '@/api/types';
import { segment as words } from '@/strings/segment';
import classes from './overview.module.css';

/** Which segments it refers to, and which refer to it. */
export function References({ segment }: { segment: SegmentDetail }) {
  return (
    <>
      <Names title={words.overview.refersTo} ids={segment.references} />
      <Names title={words.overview.referredBy} ids={segment.referenced_by} />
    </>
  );
}

function Names({ title, ids }: { title: string; ids: readonly number[] }) {
  const segments = useQueries({
    queries: ids.map((id) => ({
      queryKey: ['segment', id, 'name'],
      queryFn: () => body(api.GET('/api/segments/{segment_id}/', { params: { path: { segment_id: id } } })),
      staleTime: 60_000,
    })),
  });
  if (ids.length === 0) return null;
  return (
    <section className={classes.section}>
      <h2>{title}</h2>
      <ul className={classes.names}>
        {ids.map((id, at) => (
          <li key={id}>
            <Link to="/segments/$segmentId" params={{ segmentId: String(id) }}>
              {segments[at]?.data?.name ?? id}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
