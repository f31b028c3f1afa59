import { useComputedColorScheme } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { text } from '@/strings';
import classes from './chart.module.css';
import { chartOptions, type Series } from './options';

export type { Series } from './options';

interface TimeChartProps {
  /** What it shows, for screen readers. */
  label: string;
  /** Seconds since 1970, ascending. */
  times: readonly number[];
  series: readonly Series[];
  height?: number;
  /** What the vertical axis counts, such as "users". */
  unit: string;
  /** Charts with the same key share their crosshair. */
  syncKey?: string;
  /** The times are days in UTC, not instants. */
  daily?: boolean;
}

/** A chart over time with axes, a unit, and the values at the pointer in its legend. */
export function TimeChart({ label, times, series, height = 200, unit, syncKey, daily = false }: TimeChartProps) {
  const { ref: sizer, width } = useElementSize();
  const place = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme('light');
  useEffect(() => {
    if (!place.current || width === 0 || times.length === 0) return undefined;
    const data = [times as number[], ...series.map((line) => line.values as (number | null)[])] as uPlot.AlignedData;
    const chart = new uPlot(chartOptions({ width, height, series, unit, syncKey, daily }), data, place.current);
    return () => chart.destroy();
  }, [times, series, width, height, unit, syncKey, daily, scheme]);
  return (
    <figure ref={sizer} className={classes.chart} aria-label={label}>
      {times.length === 0 ? <p className="dim">{text.common.chart.empty}</p> : <div ref={place} />}
    </figure>
  );
}
