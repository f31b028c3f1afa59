import { CopyButton } from './CopyButton';
import classes from './mono.module.css';

/** An id in monospace with a button that copies it. */
export function Mono({ children, label }: { children: string; label?: string }) {
  return (
    <span className={classes.id}>
      <code title={children}>{children}</code>
      <CopyButton value={children} {...(label === undefined ? {} : { label })} />
    </span>
  );
}

/** A block of code or JSON with a button that copies it. */
export function CodeBlock({ children, label }: { children: string; label: string }) {
  return (
    <div className={classes.block}>
      {/* A scrolling region must be reachable by keyboard. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: see above */}
      <section tabIndex={0} aria-label={label}>
        <pre>{children}</pre>
      </section>
      <div className={classes.corner}>
        <CopyButton value={children} label={`${label}: copy`} />
      </div>
    </div>
  );
}
