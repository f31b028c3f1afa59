import { Link } from '@tanstack/react-router';
import { Figures } from '@/components/chart/Figures';
import { count } from '@/components/format';
import { QueryState } from '@/components/states';
import { analytics } from '@/strings/analytics';
import classes from './analytics.module.css';
import { DayBars } from './DayBars';
import { useOverview, useTrends, useUsage } from './queries';

const words = analytics.overview;
const LARGEST = 8;

/** The numbers of the tenant at a glance; each opens what it counts. */
export function Overview() {
  const query = useOverview();
  const usage = useUsage(30);
  return (
    <div className={classes.page}>
      <QueryState query={query}>
        {({ segment_count, total_members, events_30d }) => (
          <Figures
            items={[
              { label: words.segments, value: <Link to="/segments">{count(segment_count)}</Link> },
              {
                label: words.members,
                value: (
                  <Link to="/analytics" search={{ tab: 'segments' }}>
                    {count(total_members)}
                  </Link>
                ),
              },
              { label: words.events, value: <Link to="/events">{count(events_30d)}</Link> },
            ]}
          />
        )}
      </QueryState>
      <section className={classes.part}>
        <h2>{words.perDay}</h2>
        <QueryState query={usage} empty={{ when: ({ events }) => events.every(isQuiet), show: <NoEvents /> }}>
          {(data) => <DayBars days={data.events} />}
        </QueryState>
      </section>
      <Largest />
    </div>
  );
}

function isQuiet(day: { count: number }): boolean {
  return day.count === 0;
}

function NoEvents() {
  return (
    <p className="dim">
      {words.noEvents} <Link to="/get-started">{words.send}</Link>
    </p>
  );
}

function Largest() {
  const query = useTrends();
  return (
    <section className={classes.part}>
      <h2>{words.largest}</h2>
      <QueryState query={query} empty={{ when: (trends) => trends.length === 0, show: <NoSegments /> }}>
        {(trends) => {
          const sorted = [...trends].sort((left, right) => (right.member_count ?? 0) - (left.member_count ?? 0));
          const most = sorted[0]?.member_count ?? 0;
          return (
            <ol className={classes.largest}>
              {sorted.slice(0, LARGEST).map(({ id, name, member_count }) => (
                <li key={id}>
                  <Link to="/segments/$segmentId" params={{ segmentId: String(id) }}>
                    {name}
                  </Link>
                  <span className={classes.track}>
                    <span style={{ width: `${most === 0 ? 0 : (100 * (member_count ?? 0)) / most}%` }} />
                  </span>
                  <b>{member_count === null ? analytics.segments.none : count(member_count)}</b>
                </li>
              ))}
            </ol>
          );
        }}
      </QueryState>
      {query.data !== undefined && query.data.length > 0 && (
        <Link to="/analytics" search={{ tab: 'segments' }}>
          {words.all}
        </Link>
      )}
    </section>
  );
}

function NoSegments() {
  return (
    <p className="dim">
      {analytics.segments.emptyTitle}. <Link to="/segments/new">{analytics.segments.create}</Link>
    </p>
  );
}
