import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { SegmentDetail } from '@/api/types';
import { QueryState } from '@/components/states';
import { segment as words } from '@/strings/segment';
import { readNewest } from '../history/queries';
import { segmentKey } from '../queries';
import classes from './overview.module.css';

/** The rules as a sentence, with a way to edit them. */
export function Rules({ segment }: { segment: SegmentDetail }) {
  const query = useQuery({
    queryKey: [...segmentKey(segment.id), 'newest', segment.version],
    queryFn: () => readNewest(segment.id),
  });
  return (
    <section className={classes.section}>
      <div className={classes.heading}>
        <h2>{words.overview.rules}</h2>
        <Link to="/segments/$segmentId" params={{ segmentId: String(segment.id) }} search={{ tab: 'rules' }}>
          {words.tabs.rules}
        </Link>
      </div>
      <QueryState query={query}>{(version) => <p className={classes.sentence}>{version?.sentence}</p>}</QueryState>
    </section>
  );
}
