import { ActionIcon, Progress } from '@mantine/core';
import { ApiProblem } from '@/api/problem';
import type { RunRead } from '@/api/types';
import { count, duration } from '@/components/format';
import { Icon } from '@/components/icons';
import { ProblemText } from '@/components/ProblemText';
import { segment as words } from '@/strings/segment';
import { isFinal, phaseOf, shareOf } from './progress';
import classes from './run.module.css';
import type { FollowedRun } from './useRun';

/** The progress of a run, then its result. */
export function RunBar({ followed, onDismiss }: { followed: FollowedRun; onDismiss: () => void }) {
  const { run, live } = followed;
  if (!run) return null;
  return (
    <div className={classes.bar} role="status" data-testid="run" data-status={run.status}>
      {isFinal(run) ? <Ended run={run} /> : <Running run={run} live={live} />}
      {isFinal(run) && (
        <ActionIcon aria-label={words.run.dismiss} onClick={onDismiss} size={22}>
          <Icon name="close" size={14} />
        </ActionIcon>
      )}
    </div>
  );
}

function Running({ run, live }: { run: RunRead; live: boolean }) {
  const { progress } = run;
  return (
    <div className={classes.running}>
      <span>
        {phaseOf(run)}
        {progress && progress.total > 1 && (
          <span className="dim"> · {words.run.progress(count(progress.done), count(progress.total))}</span>
        )}
        {!live && <span className="dim small"> · {words.run.polling}</span>}
      </span>
      <Progress value={Math.max(shareOf(run), 3)} size={4} aria-label={words.recomputing} transitionDuration={150} />
    </div>
  );
}

function Ended({ run }: { run: RunRead }) {
  if (run.status === 'superseded') return <span>{words.run.superseded}</span>;
  if (run.status === 'failed') {
    const problem = new ApiProblem(0, '', run.problem?.detail ?? '');
    return <ProblemText problem={problem} title={words.run.failed} />;
  }
  const users = words.users(count(run.size ?? 0), run.size === 1);
  return (
    <span className={classes.done}>
      <Icon name="check" size={14} />
      {words.run.done(users, count(run.entered ?? 0), count(run.exited ?? 0))}{' '}
      {run.duration_ms !== null && <span className="dim">{words.run.took(duration(run.duration_ms))}</span>}
    </span>
  );
}
