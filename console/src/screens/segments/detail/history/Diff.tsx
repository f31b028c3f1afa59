import { segment as words } from '@/strings/segment';
import classes from './history.module.css';

export interface DiffLine {
  kind: 'same' | 'added' | 'removed';
  text: string;
  /** Its place in the diff. */
  at: number;
}

/** Cut a unified diff into lines, without its headers. */
export function diffLines(text: string): DiffLine[] {
  return text
    .split('\n')
    .map((line, at) => ({ line, at }))
    .filter(({ line }) => line !== '' && !/^(---|\+\+\+|@@|\\)/.test(line))
    .map(({ line, at }) => ({
      kind: line.startsWith('+') ? 'added' : line.startsWith('-') ? 'removed' : 'same',
      text: line.slice(1),
      at,
    }));
}

const SIGN = { same: ' ', added: '+', removed: '−' } as const;

/** A text diff of rules, with signs as well as colours. */
export function Diff({ text }: { text: string }) {
  const lines = diffLines(text);
  if (lines.length === 0) return <p className="dim">{words.history.unchanged}</p>;
  return (
    <pre className={classes.diff}>
      {lines.map((line) => (
        <span key={line.at} data-kind={line.kind}>
          {SIGN[line.kind]} {line.text}
          {'\n'}
        </span>
      ))}
    </pre>
  );
}
