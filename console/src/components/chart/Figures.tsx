import type { ReactNode } from 'react';
import classes from './figures.module.css';

interface Figure {
  label: string;
  /** A number as text, or a link on it to what it counts. */
  value: ReactNode;
  /** Small print below, such as a unit or a change. */
  detail?: ReactNode;
}

/** A line of numbers with their names. */
export function Figures({ items }: { items: readonly Figure[] }) {
  return (
    <dl className={classes.figures}>
      {items.map(({ label, value, detail }) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>
            {value}
            {detail !== undefined && <span className="dim small">{detail}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
