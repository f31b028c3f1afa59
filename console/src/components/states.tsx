import { Button, Skeleton } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { type ApiProblem, asProblem } from '@/api/problem';
import { text } from '@/strings';
import { ProblemText } from './ProblemText';
import classes from './states.module.css';

const SKELETON_ROWS = ['a', 'b', 'c', 'd', 'e', 'f'];

/** Grey rows in the place of what is on its way. */
export function Loading() {
  return (
    <div className={classes.loading} role="status" aria-label={text.common.loading}>
      {SKELETON_ROWS.map((row) => (
        <Skeleton key={row} height={16} radius="sm" />
      ))}
    </div>
  );
}

interface EmptyProps {
  title: string;
  children?: ReactNode;
  /** The one action that fills it. */
  action?: ReactNode;
}

/** An empty list: what it would hold, and the action that fills it. */
export function Empty({ title, children, action }: EmptyProps) {
  return (
    <div className={classes.state}>
      <h2>{title}</h2>
      {children !== undefined && <div className="dim">{children}</div>}
      {action}
    </div>
  );
}

/** A request was refused or failed. Forbidden and missing things say so in words of their own. */
export function Failed({ problem, onRetry }: { problem: ApiProblem; onRetry?: () => void }) {
  if (problem.status === 403) return <Empty title={text.common.noPermissionTitle}>{problem.message}</Empty>;
  if (problem.status === 404) return <Empty title={text.common.notFoundTitle}>{text.common.notFound}</Empty>;
  return (
    <div className={classes.state}>
      <h2>{text.common.failedTitle}</h2>
      <ProblemText problem={problem} />
      {onRetry !== undefined && (
        <Button variant="default" onClick={onRetry}>
          {text.common.retry}
        </Button>
      )}
    </div>
  );
}

interface QueryStateProps<T> {
  query: UseQueryResult<T>;
  children: (data: T) => ReactNode;
  /** Shown in place of the children if the data is empty. */
  empty?: { when: (data: T) => boolean; show: ReactNode };
  loading?: ReactNode;
}

/** Show what a query holds, or that it is loading, empty or refused. Data that was read stays during an outage. */
export function QueryState<T>({ query, children, empty, loading }: QueryStateProps<T>) {
  if (query.data !== undefined) return empty?.when(query.data) ? empty.show : children(query.data);
  if (query.error) return <Failed problem={asProblem(query.error)} onRetry={() => void query.refetch()} />;
  if (query.failureReason) {
    return <Failed problem={asProblem(query.failureReason)} onRetry={() => void query.refetch()} />;
  }
  return loading ?? <Loading />;
}
