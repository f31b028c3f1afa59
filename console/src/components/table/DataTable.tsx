import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, type ReactNode, useEffect, useRef } from 'react';
import { text } from '@/strings';
import { useFitting } from './fit';
import { TableRow } from './TableRow';
import classes from './table.module.css';

/** Where a column goes where a row has two lines. Columns that are hidden there are also the first to go for want of room. */
export type Narrow = 'lead' | 'title' | 'aside' | 'detail' | 'hidden';

export interface Column<Row> {
  key: string;
  header: string;
  /** A CSS grid size, such as `minmax(200px, 2fr)` or `96px`. */
  width: string;
  align?: 'start' | 'end';
  narrow?: Narrow;
  /** Before the value where rows have two lines, and columns no header. */
  narrowLabel?: string;
  render: (row: Row) => ReactNode;
}

export interface DataTableProps<Row> {
  /** What is listed, for screen readers. */
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  /** The key of the row that is open beside the table. */
  current?: string | undefined;
  /** Called on Enter and on a click at a row. */
  onOpen?: (row: Row) => void;
  /** Called when the end comes near, while `more` is true. */
  onEnd?: () => void;
  more?: boolean;
  /** How many rows there are in all, if known; for screen readers. */
  total?: number | null;
}

const ROW = { wide: 36, narrow: 54 };
const NEAR_END = 20;

/** Call `onEnd` when the last row that is shown is near the last row that was loaded. */
function useEnd(last: number, length: number, more: boolean, onEnd: (() => void) | undefined): void {
  useEffect(() => {
    if (more && last >= length - NEAR_END) onEnd?.();
  }, [last, length, more, onEnd]);
}

/** Move the focus between rows with the arrow keys. */
function moveFocus(event: KeyboardEvent<HTMLElement>): void {
  const step = { ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling' } as const;
  const side = step[event.key as keyof typeof step];
  const row = (event.target as HTMLElement).closest<HTMLElement>('[data-row]');
  const next = side && row?.[side];
  if (!(next instanceof HTMLElement)) return;
  event.preventDefault();
  next.focus();
}

/** A table that renders only the rows in view and loads the next page as one scrolls. */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { columns, rows, rowKey, onEnd, more = false, total, label, onOpen } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const fitting = useFitting(scroller, columns);
  const narrow = fitting === null;
  const shown = fitting ?? columns;
  const size = narrow ? ROW.narrow : ROW.wide;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => size,
    overscan: 12,
  });
  useEffect(() => virtual.measure(), [virtual, size]);
  const items = virtual.getVirtualItems();
  useEnd(items.at(-1)?.index ?? 0, rows.length, more, onEnd);
  const grid = shown.map((column) => column.width).join(' ');
  return (
    <div ref={scroller} className={classes.scroller} data-two-lines={narrow || undefined}>
      {/* biome-ignore lint/a11y/useSemanticElements: rows are placed by position, which table elements do not allow */}
      <div role="table" aria-label={label} aria-rowcount={total ?? (more ? -1 : rows.length)} className={classes.table}>
        {!narrow && <Header columns={shown} grid={grid} />}
        {/* biome-ignore lint/a11y/useSemanticElements: see above */}
        <div role="rowgroup" className={classes.rows} style={{ height: virtual.getTotalSize() }} onKeyDown={moveFocus}>
          {items.map((item) => {
            const row = rows[item.index] as Row;
            return (
              <TableRow
                key={rowKey(row)}
                row={row}
                columns={shown}
                index={item.index}
                current={rowKey(row) === props.current}
                style={{
                  transform: `translateY(${item.start}px)`,
                  height: size,
                  gridTemplateColumns: narrow ? '' : grid,
                }}
                narrow={narrow}
                {...(onOpen === undefined ? {} : { onOpen })}
              />
            );
          })}
        </div>
      </div>
      {more && (
        <div className={classes.more} role="status">
          {text.common.loadMore}
        </div>
      )}
    </div>
  );
}

function Header<Row>({ columns, grid }: { columns: readonly Column<Row>[]; grid: string }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: see DataTable
    // biome-ignore lint/a11y/useFocusableInteractive: a row of headers is not interactive
    <div role="row" className={classes.header} style={{ gridTemplateColumns: grid }}>
      {columns.map((column) => (
        // biome-ignore lint/a11y/useSemanticElements: see DataTable
        // biome-ignore lint/a11y/useFocusableInteractive: see above
        <span key={column.key} role="columnheader" data-align={column.align ?? 'start'}>
          {column.header}
        </span>
      ))}
    </div>
  );
}
