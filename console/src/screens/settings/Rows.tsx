import type { CSSProperties } from 'react';
import { DataTable, type DataTableProps } from '@/components/table/DataTable';
import classes from './settings.module.css';

/** A table that is as high as its rows, and scrolls when it would fill the screen. */
export function Rows<Row>(props: DataTableProps<Row>) {
  return (
    <div className={classes.rows} style={{ '--rows': props.rows.length } as CSSProperties}>
      <DataTable {...props} />
    </div>
  );
}
