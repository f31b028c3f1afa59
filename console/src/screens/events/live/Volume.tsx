import { useMemo } from 'react';
import { StackedBars } from '@/components/chart/StackedBars';
import { useNow } from '@/components/Time';
import { events as strings } from '@/strings/events';
import classes from '../events.module.css';
import { useEventTypes } from '../queries';
import type { EventFilters } from './filters';
import { hourColumns, hourRange, hourStarts, volumeSeries } from './hours';

interface VolumeProps {
  filters: EventFilters;
  setFilters: (changes: EventFilters) => void;
}

/** Events per hour and type. A click at an hour shows its events, a click at a type only that type. */
export function Volume({ filters, setFilters }: VolumeProps) {
  const query = useEventTypes();
  const hour = Math.floor(useNow() / 3_600_000);
  const starts = useMemo(() => hourStarts(hour * 3_600_000), [hour]);
  const series = useMemo(() => {
    const types = query.data?.results ?? [];
    const only = types.filter(({ event_type }) => event_type === filters.event_type);
    return volumeSeries(filters.event_type === undefined ? types : only, strings.other);
  }, [query.data, filters.event_type]);
  const picked = filters.since === undefined ? -1 : starts.indexOf(Date.parse(filters.since));
  if (series.length === 0) return null;
  const pick = (column: number) => {
    const start = starts[column];
    if (start === undefined) return;
    setFilters(column === picked ? { since: '', until: '' } : hourRange(start));
  };
  return (
    <section className={classes.volume}>
      <StackedBars
        label={strings.volume}
        unit={strings.volumeUnit}
        columns={hourColumns(starts)}
        series={series}
        height={132}
        onPick={pick}
        picked={picked < 0 ? null : picked}
      />
      <Legend series={series} filters={filters} setFilters={setFilters} />
    </section>
  );
}

interface LegendProps extends VolumeProps {
  series: readonly { label: string; color: string }[];
}

function Legend({ series, filters, setFilters }: LegendProps) {
  return (
    <div className={classes.legend}>
      {series.map(({ label, color }) => {
        const mark = <i style={{ background: `var(${color})` }} />;
        if (label === strings.other) {
          return (
            <span key={label}>
              {mark} {label}
            </span>
          );
        }
        const next = filters.event_type === label ? '' : label;
        return (
          <button
            key={label}
            type="button"
            onClick={() => setFilters({ event_type: next })}
            title={strings.only(label)}
          >
            {mark} {label}
          </button>
        );
      })}
    </div>
  );
}
