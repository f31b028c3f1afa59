import type { CSSProperties, KeyboardEvent, MouseEvent } from 'react';
import type { Column } from './DataTable';
import classes from './table.module.css';

interface TableRowProps<Row> {
  row: Row;
  columns: readonly Column<Row>[];
  index: number;
  style: CSSProperties;
  narrow: boolean;
  current: boolean;
  onOpen?: (row: Row) => void;
}

/** Return whether the event belongs to a control inside of the row. */
function atControl(target: EventTarget): boolean {
  return (target as HTMLElement).closest('a, button, input, [role="menu"]') !== null;
}

/** One row of a table: a line of cells, or two lines on a narrow screen. */
export function TableRow<Row>({ row, columns, index, style, narrow, current, onOpen }: TableRowProps<Row>) {
  const open = (event: MouseEvent | KeyboardEvent) => {
    if (atControl(event.target) || getSelection()?.type === 'Range') return;
    if ('key' in event && event.key !== 'Enter') return;
    onOpen?.(row);
  };
  const shown = narrow ? columns.filter((column) => (column.narrow ?? 'detail') !== 'hidden') : columns;
  return (
    // biome-ignore lint/a11y/useSemanticElements: see DataTable
    <div
      role="row"
      data-row
      aria-rowindex={index + 1}
      aria-current={current || undefined}
      tabIndex={0}
      className={narrow ? classes.narrow : classes.row}
      style={style}
      data-open={onOpen !== undefined || undefined}
      onClick={open}
      onKeyDown={open}
    >
      {shown.map((column) => (
        // biome-ignore lint/a11y/useSemanticElements: see DataTable
        <div key={column.key} role="cell" data-align={column.align ?? 'start'} data-narrow={column.narrow ?? 'detail'}>
          {narrow && column.narrowLabel !== undefined && `${column.narrowLabel} `}
          {column.render(row)}
        </div>
      ))}
    </div>
  );
}
