import { Checkbox } from '@mantine/core';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import type { SegmentTrendRead } from '@/api/types';
import { Sparkline } from '@/components/chart/Sparkline';
import { TimeChart } from '@/components/chart/TimeChart';
import { count, signed } from '@/components/format';
import { Empty, QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import { type Column, DataTable } from '@/components/table/DataTable';
import { text } from '@/strings';
import { analytics } from '@/strings/analytics';
import classes from './analytics.module.css';
import { useTrends } from './queries';
import { aligned, change } from './trends';

const words = analytics.segments;
const MOST = 6;

function columns(chosen: readonly number[], toggle: (id: number) => void): Column<SegmentTrendRead>[] {
  return [
    {
      key: 'shown',
      header: '',
      width: '20px',
      narrow: 'lead',
      render: ({ id, name }) => (
        <Checkbox
          size="xs"
          checked={chosen.includes(id)}
          disabled={!chosen.includes(id) && chosen.length >= MOST}
          title={!chosen.includes(id) && chosen.length >= MOST ? words.most : undefined}
          onChange={() => toggle(id)}
          aria-label={words.show(name)}
        />
      ),
    },
    {
      key: 'name',
      header: words.columns.name,
      width: 'minmax(160px, 3fr)',
      narrow: 'title',
      render: ({ id, name }) => (
        <Link to="/segments/$segmentId" params={{ segmentId: String(id) }}>
          {name}
        </Link>
      ),
    },
    {
      key: 'size',
      header: words.columns.size,
      width: '90px',
      align: 'end',
      narrow: 'aside',
      render: ({ member_count }) =>
        member_count === null ? <span className="dim">{words.none}</span> : count(member_count),
    },
    {
      key: 'change',
      header: words.columns.change,
      width: '80px',
      align: 'end',
      render: ({ trend }) => <Change value={change(trend)} />,
    },
    {
      key: 'trend',
      header: words.columns.trend,
      width: '104px',
      narrow: 'hidden',
      render: ({ name, trend }) => <Sparkline values={trend.map((day) => day.count)} label={words.trend(name)} />,
    },
    {
      key: 'computed',
      header: words.columns.computed,
      width: 'minmax(110px, 1fr)',
      render: ({ last_computed_at }) => <Time at={last_computed_at} />,
    },
  ];
}

function Change({ value }: { value: number | null }) {
  if (value === null || value === 0) return <span className="dim">{value === null ? text.common.none : '0'}</span>;
  return <span className={value > 0 ? classes.entered : classes.exited}>{signed(value)}</span>;
}

/** Segments over 30 days: the chosen ones in a chart, all in a table. */
export function Segments() {
  const query = useTrends();
  const empty = (
    <Empty title={words.emptyTitle} action={<Link to="/segments/new">{words.create}</Link>}>
      {words.empty}
    </Empty>
  );
  return (
    <QueryState query={query} empty={{ when: (trends) => trends.length === 0, show: empty }}>
      {(trends) => <Trends trends={trends} />}
    </QueryState>
  );
}

/** Return the segments of the address, or the six largest. */
function useChosen(trends: readonly SegmentTrendRead[]): [readonly number[], (id: number) => void] {
  const { shown } = useSearch({ from: '/frame/analytics' });
  const navigate = useNavigate({ from: '/analytics' });
  const chosen = useMemo(() => {
    if (shown !== undefined) return shown.split('.').filter(Boolean).map(Number).slice(0, MOST);
    return [...trends]
      .sort((left, right) => (right.member_count ?? 0) - (left.member_count ?? 0))
      .slice(0, MOST)
      .map(({ id }) => id);
  }, [shown, trends]);
  const toggle = (id: number) => {
    const next = chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id];
    void navigate({ search: (old) => ({ ...old, shown: `${next.join('.')}.` }), replace: true });
  };
  return [chosen, toggle];
}

function Trends({ trends }: { trends: readonly SegmentTrendRead[] }) {
  const [chosen, toggle] = useChosen(trends);
  const [times, series] = useMemo(() => {
    const lines = trends.filter(({ id }) => chosen.includes(id));
    const [days, values] = aligned(lines.map(({ trend }) => trend));
    const drawn = lines.map(({ name }, at) => ({
      label: name,
      values: values[at] ?? [],
      color: `--so-chart-${at + 1}`,
      kind: 'line' as const,
    }));
    return [days, drawn];
  }, [trends, chosen]);
  return (
    <>
      <section className={classes.chart}>
        <TimeChart label={words.chart} unit={words.unit} times={times} series={series} height={210} daily />
      </section>
      <DataTable
        label={words.label}
        columns={columns(chosen, toggle)}
        rows={trends}
        rowKey={({ id }) => String(id)}
        total={trends.length}
      />
    </>
  );
}
