import type { ReactNode } from 'react';
import classes from './forms.module.css';
import type { Mark } from './source';

interface MarkedAreaProps {
  readonly label: string;
  readonly value: string;
  readonly marks: readonly Mark[];
  readonly readOnly: boolean;
  readonly describedBy: string;
  readonly onChange: (text: string) => void;
  readonly onBlur: () => void;
}

/** A text field in which errors are underlined at their place. A copy of the text behind it has the marks. */
export function MarkedArea({ label, value, marks, readOnly, describedBy, onChange, onBlur }: MarkedAreaProps) {
  return (
    <div className={classes.area}>
      <pre aria-hidden="true" className={classes.behind}>
        {marked(value, marks)}
        {'\n'}
      </pre>
      <textarea
        className={classes.front}
        aria-label={label}
        aria-invalid={marks.length > 0}
        aria-describedby={describedBy}
        spellCheck={false}
        autoComplete="off"
        autoCapitalize="off"
        readOnly={readOnly}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
        onBlur={onBlur}
      />
    </div>
  );
}

/** Cut the text at the marks. A mark that overlaps the one before is left out: the list below has it. */
function marked(text: string, marks: readonly Mark[]): ReactNode[] {
  const parts: ReactNode[] = [];
  let at = 0;
  for (const mark of marks.toSorted((left, right) => left.start - right.start || left.end - right.end)) {
    if (mark.start < at) continue;
    parts.push(text.slice(at, mark.start), <mark key={mark.start}>{text.slice(mark.start, mark.end)}</mark>);
    at = mark.end;
  }
  return [...parts, text.slice(at)];
}
