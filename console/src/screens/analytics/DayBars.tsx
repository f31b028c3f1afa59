import { useNavigate } from '@tanstack/react-router';
import type { UsageRead } from '@/api/types';
import { StackedBars } from '@/components/chart/StackedBars';
import { analytics } from '@/strings/analytics';
import { dayColumns, dayRange } from './trends';

const words = analytics.usage;

/** Events received on each day. A click at a day shows the events that occurred on it. */
export function DayBars({ days }: { days: UsageRead['events'] }) {
  const navigate = useNavigate();
  const pick = (column: number) => {
    const day = days[column]?.day;
    if (day !== undefined) void navigate({ to: '/events', search: dayRange(day) });
  };
  return (
    <StackedBars
      label={words.chart}
      unit={words.unit}
      columns={dayColumns(days)}
      series={[{ label: words.series, color: '--so-chart-1', values: days.map(({ count }) => count) }]}
      height={190}
      onPick={pick}
    />
  );
}
