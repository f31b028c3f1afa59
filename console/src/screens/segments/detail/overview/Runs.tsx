import { Table } from '@mantine/core';
import type { RunRead } from '@/api/types';
import { count, duration, signed } from '@/components/format';
import { QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import { text } from '@/strings';
import { segment as words } from '@/strings/segment';
import { useActor } from '../../useActor';
import { useRuns } from '../queries';
import classes from './overview.module.css';

/** The newest runs: when, how long, how much was read, what came of it. */
export function Runs({ id }: { id: number }) {
  const query = useRuns(id);
  const none = <p className="dim">{words.overview.noRuns}</p>;
  return (
    <QueryState query={query} empty={{ when: (data) => data.results.length === 0, show: none }}>
      {(data) => <RunTable runs={data.results} />}
    </QueryState>
  );
}

function RunTable({ runs }: { runs: readonly RunRead[] }) {
  return (
    <Table.ScrollContainer minWidth={720} type="native">
      <Table verticalSpacing={6} className={classes.runs ?? ''}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{words.runs.requested}</Table.Th>
            <Table.Th>{words.runs.status}</Table.Th>
            <Table.Th ta="end">{words.runs.size}</Table.Th>
            <Table.Th ta="end">{words.runs.entered}</Table.Th>
            <Table.Th ta="end">{words.runs.exited}</Table.Th>
            <Table.Th ta="end">{words.runs.duration}</Table.Th>
            <Table.Th ta="end">{words.runs.rows}</Table.Th>
            <Table.Th>{words.runs.by}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {runs.map((run) => (
            <RunRow key={run.run_id} run={run} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function number(value: number | null, write: (value: number) => string = count) {
  return value === null ? <span className="dim">{text.common.none}</span> : write(value);
}

function RunRow({ run }: { run: RunRead }) {
  const named = useActor();
  return (
    <Table.Tr>
      <Table.Td>
        <Time at={run.requested_at} />
      </Table.Td>
      <Table.Td>
        <span data-status={run.status} className={classes.runStatus}>
          {words.runs.statuses[run.status]}
        </span>
        {run.incomplete && <span className="dim"> · {words.runs.incomplete}</span>}
        {run.problem && <div className="dim small">{run.problem.detail}</div>}
      </Table.Td>
      <Table.Td ta="end">{number(run.size)}</Table.Td>
      <Table.Td ta="end">{number(run.entered, signed)}</Table.Td>
      <Table.Td ta="end">{run.exited === null ? number(null) : signed(-run.exited)}</Table.Td>
      <Table.Td ta="end">{number(run.duration_ms, duration)}</Table.Td>
      <Table.Td ta="end">{number(run.rows_read)}</Table.Td>
      <Table.Td>{named(run.requested_by)}</Table.Td>
    </Table.Tr>
  );
}
