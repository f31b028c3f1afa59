import type uPlot from 'uplot';
import uPlotClass from 'uplot';
import { text } from '@/strings';
import { count, signed, utcDay } from '../format';

export interface Series {
  label: string;
  values: readonly (number | null)[];
  /** A CSS variable with its colour, such as `--so-entered`. */
  color: string;
  kind: 'area' | 'line' | 'bars';
  /** Write values with their sign. */
  signed?: boolean;
}

const INSTANT = '{D} {MMM} {YYYY} {HH}:{mm}';
const DAY_S = 86_400;
const DAYS = [1, 2, 5, 7, 14, 30, 60, 90].map((days) => days * DAY_S);

interface ChartShape {
  width: number;
  height: number;
  series: readonly Series[];
  unit: string;
  syncKey: string | undefined;
  daily: boolean;
}

function variable(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function seriesOptions(series: Series): uPlot.Series {
  const color = variable(series.color);
  const write = series.signed ? signed : count;
  const bars = series.kind === 'bars' && uPlotClass.paths.bars?.({ size: [0.7, 28], align: 0 });
  return {
    label: series.label,
    stroke: color,
    width: series.kind === 'bars' ? 0 : 1.5,
    ...(series.kind === 'line'
      ? {}
      : { fill: series.kind === 'bars' ? color : `color-mix(in srgb, ${color} 14%, transparent)` }),
    ...(bars ? { paths: bars } : {}),
    points: { show: series.kind !== 'bars' && series.values.filter((value) => value !== null).length < 2 },
    value: (_chart, value) => (value === null || value === undefined ? text.common.none : write(value)),
  };
}

function axis(color: string, grid: string): uPlot.Axis {
  return {
    stroke: color,
    grid: { stroke: grid, width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  };
}

function wide(values: readonly number[]): number {
  return Math.max(40, 14 + 7 * Math.max(...values.map((value) => count(value).length), 1));
}

/** Show the newest values in the legend while the pointer is elsewhere. */
function showLast(chart: uPlot): void {
  if (chart.cursor.idx === null || chart.cursor.idx === undefined)
    chart.setLegend({ idx: chart.data[0].length - 1 }, false);
}

/** Options of the chart library for a shape, in the colours of the current theme. */
export function chartOptions({ width, height, series, unit, syncKey, daily }: ChartShape): uPlot.Options {
  const color = variable('--so-dim');
  const grid = variable('--so-border');
  return {
    width,
    height,
    ...(daily ? { tzDate: (seconds: number) => uPlotClass.tzDate(new Date(seconds * 1_000), 'Etc/UTC') } : {}),
    padding: [12, 8, 0, 0],
    cursor: { points: { size: 6 }, y: false, ...(syncKey === undefined ? {} : { sync: { key: syncKey } }) },
    legend: {
      live: true,
      markers: { width: 0, fill: (_chart, index) => variable(series[index - 1]?.color ?? '--so-dim') },
    },
    hooks: { ready: [showLast], setCursor: [showLast] },
    scales: {
      // Half a day more at both ends, so that the first and the last bar are whole.
      ...(daily ? { x: { range: (_chart, first, last) => [first - DAY_S / 2, last + DAY_S / 2] } } : {}),
      y: { range: (_chart, low, high) => [Math.min(0, low * 1.05), Math.max(high * 1.05, 1)] },
    },
    axes: [
      {
        ...axis(color, grid),
        ...(daily
          ? { size: 32, incrs: DAYS, values: (_chart, splits) => splits.map((split) => utcDay(split, false)) }
          : {}),
      },
      {
        ...axis(color, grid),
        label: unit,
        space: 28,
        labelSize: 18,
        labelFont: '11px system-ui, sans-serif',
        size: (_chart, values) => wide((values ?? []).map((value) => Number(value.replaceAll(/[^\d]/g, '')))),
        values: (_chart, splits) => splits.map((split) => (Number.isInteger(split) ? count(split) : '')),
      },
    ],
    series: [
      { label: text.common.chart.time, value: daily ? (_chart, at) => (at ? utcDay(at) : text.common.none) : INSTANT },
      ...series.map(seriesOptions),
    ],
  };
}
