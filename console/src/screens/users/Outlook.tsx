import { asProblem } from '@/api/problem';
import type { UserSegmentRead } from '@/api/types';
import { ProblemText } from '@/components/ProblemText';
import { Time } from '@/components/Time';
import { text } from '@/strings';
import { users as strings } from '@/strings/users';
import { firstToLeave, outlookOf } from './forecast';
import type { useUserForecasts } from './queries';
import classes from './users.module.css';

const words = strings.outlook;

/** What becomes of one membership if no new events arrive. */
export function Outlook({ membership }: { membership: UserSegmentRead }) {
  const outlook = outlookOf(membership);
  const at = membership.forecast?.next_change_at;
  switch (outlook) {
    case 'unread':
      return <span className="dim">{text.common.none}</span>;
    case 'stays':
      return <span className="dim">{words.stays}</span>;
    case 'unknown':
      return (
        <span className="dim" title={strings.explain.changeUnknown}>
          {words.unknown}
        </span>
      );
    case 'leaves':
      return (
        <>
          {words.leaves} <Time at={at} />
        </>
      );
    case 'left':
      return <Left at={at} />;
  }
}

function Left({ at }: { at: string | null | undefined }) {
  return (
    <span className={classes.left} title={words.leftDetail}>
      {words.left}
      {at && (
        <>
          {words.again} <Time at={at} />
        </>
      )}
    </span>
  );
}

/** Above the table: which membership ends first, or why that is not known. */
export function FirstChange({ forecasts }: { forecasts: ReturnType<typeof useUserForecasts> }) {
  const { data, error } = forecasts;
  if (error && !data) return <ProblemText title={words.failed} problem={asProblem(error)} />;
  if (!data) return <p className="dim">{words.reading}</p>;
  if (data.length === 0) return null;
  const first = firstToLeave(data);
  const isUncertain = data.some((row) => outlookOf(row) === 'unknown');
  return (
    <p>
      {words.without}{' '}
      {first !== null && (
        <>
          {words.first} <strong>{first.row.segment_name}</strong> <Time at={first.at} />.
        </>
      )}
      {first === null && (isUncertain ? words.uncertain : words.allStay)}
      {data.some(({ forecast }) => forecast?.stale) && <span className="dim"> {strings.explain.stale}</span>}
    </p>
  );
}
