import { useElementSize } from '@mantine/hooks';
import { type KeyboardEvent, useState } from 'react';
import { count } from '../format';
import { type BarSeries, stacked, ticks } from './bars';
import classes from './bars.module.css';

export type { BarSeries } from './bars';

export interface BarColumn {
  key: string;
  /** Below the axis; empty for none. */
  axis: string;
  /** In the tooltip. */
  title: string;
}

interface StackedBarsProps {
  label: string;
  unit: string;
  columns: readonly BarColumn[];
  series: readonly BarSeries[];
  height?: number;
  /** Called on a click at a column, and on Enter. */
  onPick?: (column: number) => void;
  /** The column that is chosen, if any. */
  picked?: number | null;
}

const LEFT = 48;
const BOTTOM = 18;
const TOP = 24;

/** Bars over time, one column per interval, with axes, unit and tooltip. Arrow keys move through the columns. */
export function StackedBars(props: StackedBarsProps) {
  const { label, columns, series, height = 150, onPick, unit } = props;
  const { ref, width } = useElementSize();
  const [at, setAt] = useState<number | null>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setAt((old) => Math.min(Math.max((old ?? columns.length - 1 - step) + step, 0), columns.length - 1));
    }
    if (event.key === 'Enter' && at !== null) onPick?.(at);
  };
  return (
    <figure className={classes.chart}>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for controls */}
      <div
        ref={ref}
        role="group"
        aria-label={label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys read the columns out
        tabIndex={0}
        onKeyDown={onKeyDown}
        onBlur={() => setAt(null)}
        onPointerLeave={() => setAt(null)}
        className={classes.area}
        style={{ height }}
      >
        {width > 0 && <Bars {...props} width={width} height={height} at={at} onHover={setAt} />}
        <span className={classes.unit}>{unit}</span>
        {at !== null && <Tip column={columns[at]} at={at} series={series} left={xOf(at, columns.length, width)} />}
      </div>
    </figure>
  );
}

function xOf(column: number, columns: number, width: number): number {
  return LEFT + ((column + 0.5) * (width - LEFT)) / columns;
}

interface BarsProps extends StackedBarsProps {
  width: number;
  height: number;
  at: number | null;
  onHover: (column: number) => void;
}

function Bars({ columns, series, width, height, at, onHover, onPick, picked }: BarsProps) {
  const stacks = stacked(series, columns.length);
  const marks = ticks(Math.max(0, ...stacks.map((stack) => stack.at(-1)?.to ?? 0)));
  const top = marks.at(-1) ?? 1;
  const y = (value: number) => height - BOTTOM - (value / top) * (height - BOTTOM - TOP);
  const slot = (width - LEFT) / columns.length;
  const bar = Math.min(slot * 0.72, 40);
  return (
    <svg width={width} height={height} aria-hidden="true">
      {marks.map((mark) => (
        <g key={mark}>
          <line x1={LEFT} x2={width} y1={y(mark)} y2={y(mark)} className={classes.grid} />
          <text x={LEFT - 8} y={y(mark) + 4} className={classes.mark} textAnchor="end">
            {count(mark)}
          </text>
        </g>
      ))}
      {columns.map((column, index) => (
        // biome-ignore lint/a11y/noStaticElementInteractions: the group around the chart handles the keyboard
        <g
          key={column.key}
          data-at={index === at || undefined}
          data-faded={typeof picked === 'number' && picked !== index ? true : undefined}
          data-pick={onPick !== undefined || undefined}
          className={classes.column}
          onPointerEnter={() => onHover(index)}
          onClick={() => onPick?.(index)}
        >
          <rect x={LEFT + index * slot} y={0} width={slot} height={height - BOTTOM} className={classes.slot} />
          {stacks[index]?.map((part) => (
            <rect
              key={part.series}
              x={xOf(index, columns.length, width) - bar / 2}
              width={bar}
              y={y(part.to)}
              height={Math.max(y(part.from) - y(part.to), 0.75)}
              style={{ fill: `var(${series[part.series]?.color})` }}
            />
          ))}
          <text x={xOf(index, columns.length, width)} y={height - 4} className={classes.mark} textAnchor="middle">
            {column.axis}
          </text>
        </g>
      ))}
    </svg>
  );
}

interface TipProps {
  column: BarColumn | undefined;
  at: number;
  series: readonly BarSeries[];
  left: number;
}

function Tip({ column, at, series, left }: TipProps) {
  const rows = series.filter(({ values }) => (values[at] ?? 0) > 0).reverse();
  return (
    <div className={classes.tip} style={{ left }} data-side={left > 280 ? 'left' : 'right'} role="status">
      <strong>{column?.title}</strong>
      {rows.map(({ label, color, values }) => (
        <div key={label}>
          <i style={{ background: `var(${color})` }} />
          <span>{label}</span>
          <b>{count(values[at] ?? 0)}</b>
        </div>
      ))}
      {rows.length === 0 && <div className="dim">0</div>}
    </div>
  );
}
