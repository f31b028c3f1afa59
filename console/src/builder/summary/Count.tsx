import { ActionIcon, Tooltip } from '@mantine/core';
import { bytes, clock, count, exact } from '@/components/format';
import { Icon } from '@/components/icons';
import { ProblemText } from '@/components/ProblemText';
import { builder as words } from '@/strings/builder';
import type { Preview } from '../data/usePreview';
import classes from './summary.module.css';

/** The exact count: "1,204 of 48,210 people · as of 10:42:07". An old count greys; it never jumps to zero. */
export function Count({ preview }: { readonly preview: Preview }) {
  const { answer, isOld } = preview;
  if (answer === null) return <div className={classes.count}>{preview.problem ? null : words.count.counting}</div>;
  const { matched, rest } = words.count.of(count(answer.matched_users), count(answer.universe));
  return (
    <div className={classes.count} data-old={isOld || undefined} data-testid="count">
      <strong data-testid="matched">{matched}</strong> {rest}
      <span className={classes.asOf} title={exact(answer.as_of)}>
        {' '}
        · {words.count.asOf(clock(answer.as_of))}
      </span>
      <Tooltip
        label={`${words.count.refresh} · ${words.count.cost(count(answer.rows_read), bytes(answer.bytes_read))}`}
      >
        <ActionIcon size={22} aria-label={words.count.refresh} onClick={preview.refresh}>
          <Icon name="refresh" size={14} />
        </ActionIcon>
      </Tooltip>
      <span className="hidden" aria-live="polite">
        {isOld ? '' : words.count.announce(matched, count(answer.universe))}
      </span>
    </div>
  );
}

/** Why a count is missing, or what it leaves out. */
export function CountNotes({ preview }: { readonly preview: Preview }) {
  const { answer, problem, unfinished } = preview;
  // Errors at a row are shown at the row.
  const isShownInRows = problem !== null && problem.faults.length > 0 && preview.faults.elsewhere.length === 0;
  return (
    <>
      {problem !== null && !isShownInRows && <ProblemText title={words.count.failed} problem={problem} />}
      {unfinished.length > 0 && <p className={classes.note}>{words.count.unfinished(unfinished.length)}</p>}
      {answer?.incomplete && <p className={classes.note}>{words.count.incomplete}</p>}
      {answer && answer.pending_profiles > 0 && (
        <p className={classes.note}>{words.count.pending(count(answer.pending_profiles))}</p>
      )}
    </>
  );
}
