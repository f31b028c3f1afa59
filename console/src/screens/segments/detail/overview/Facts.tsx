import type { ReactNode } from 'react';
import type { SegmentDetail } from '@/api/types';
import { count, percent, signed } from '@/components/format';
import { Time } from '@/components/Time';
import { text } from '@/strings';
import { segment as words } from '@/strings/segment';
import { useRuns } from '../queries';
import classes from './overview.module.css';

/** The numbers of the newest published run. */
export function Facts({ segment }: { segment: SegmentDetail }) {
  const { membership } = segment;
  const run = useRuns(segment.id).data?.results.find(({ run_id }) => run_id === membership.run_id);
  const size = membership.size;
  return (
    <dl className={classes.facts} aria-label={words.overview.facts}>
      <Fact name={words.overview.users}>
        <strong className={classes.large}>{size === null ? text.common.none : count(size)}</strong>
        {run?.universe != null && size !== null && run.universe > 0 && (
          <span className="dim">{words.overview.share(percent(size / run.universe), count(run.universe))}</span>
        )}
      </Fact>
      <Fact name={words.overview.lastRun}>
        <span>
          <span className={classes.entered}>{signed(run?.entered ?? 0)}</span>{' '}
          <span className={classes.exited}>{signed(-(run?.exited ?? 0))}</span>
        </span>
      </Fact>
      <Fact name={words.overview.asOf}>
        <Time at={membership.as_of} />
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
