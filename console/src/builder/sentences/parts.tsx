import type { ReactNode } from 'react';
import { builderWords as words } from '@/strings/builder-words';
import { type Changes, type Fields, partOf, useRows } from '../editor/context';
import { useMarks } from '../editor/marks';
import { isList, isObject, type Json } from '../model/json';
import { COUNT_OPERATORS, type CountOperator } from '../model/language';
import { DurationWord } from '../words/DurationWord';
import { NumberWord } from '../words/InputWord';
import { PointWord } from '../words/InstantWord';
import { BoundsWords } from '../words/ValueWord';
import { ChoiceWord } from '../words/Word';
import classes from './sentences.module.css';

/** Return the name of the table that a value is; null for any other value. */
export function known<K extends string>(names: Readonly<Record<K, string>>, value: Json | undefined): K | null {
  return typeof value === 'string' && Object.hasOwn(names, value) ? (value as K) : null;
}

/** A button that adds an optional part of a sentence. */
export function More({ children, onClick }: { readonly children: string; readonly onClick: () => void }) {
  const { readOnly } = useRows();
  if (readOnly) return null;
  return (
    <button type="button" className={classes.more} onClick={onClick}>
      {children}
    </button>
  );
}

/** A button that removes an optional part. */
export function Less({ label, onClick }: { readonly label: string; readonly onClick: () => void }) {
  const { readOnly } = useRows();
  if (readOnly) return null;
  return (
    <button type="button" className={classes.less} aria-label={label} title={label} onClick={onClick}>
      ×
    </button>
  );
}

/** An optional part of a sentence, which can be removed. */
export function Part({
  remove,
  onRemove,
  children,
}: {
  readonly remove: string;
  readonly onRemove: () => void;
  readonly children: ReactNode;
}) {
  return (
    <span className={classes.part}>
      {children}
      <Less label={remove} onClick={onRemove} />
    </span>
  );
}

interface ThresholdProps {
  readonly fields: Fields;
  readonly names: Readonly<Record<CountOperator, string>>;
}

/** A comparison with a number: "at least 3", "between 2 and 5". */
export function ThresholdWords({ fields, names }: ThresholdProps) {
  const marked = useMarks(fields);
  const { operator, value } = fields.fields;
  const set = (next: Json | undefined, tag = 'value') => fields.change({ value: next }, tag);
  return (
    <>
      <ChoiceWord
        label={words.labels.operator}
        names={inOrder(names)}
        value={known(names, operator)}
        other={String(operator)}
        onChoose={(next) => fields.change(withBounds(next, value))}
        faulty={marked('operator')}
      />
      {operator === 'between' ? (
        <BoundsWords value={value} onChange={set} faulty={marked('value')} />
      ) : (
        <NumberWord label={words.labels.times} value={value} onChange={(next) => set(next)} faulty={marked('value')} />
      )}
    </>
  );
}

function inOrder(names: Readonly<Record<CountOperator, string>>): Readonly<Record<CountOperator, string>> {
  return Object.fromEntries(COUNT_OPERATORS.map((name) => [name, names[name]])) as Record<CountOperator, string>;
}

function withBounds(operator: CountOperator, value: Json | undefined): Changes {
  const single = isList(value) ? value[0] : value;
  return { operator, value: operator === 'between' && single !== undefined ? [single, single] : single };
}

type WindowKind = keyof typeof words.windows;

const NEW_WINDOWS: Readonly<Record<WindowKind, Json | undefined>> = {
  always: undefined,
  last: { last: '30d' },
  since: { from: '-30d' },
  until: { to: '-30d' },
  between: { from: '-60d', to: '-30d' },
};

/** When the events of a condition were. */
export function WindowWords({ fields }: { readonly fields: Fields }) {
  const marked = useMarks(fields);
  const window = fields.fields.window;
  const kind = windowKind(window);
  const part = isObject(window) ? partOf(fields, 'window', window) : null;
  const point = (name: 'from' | 'to', label: string) =>
    part && (
      <PointWord
        label={label}
        value={part.fields[name]}
        onChange={(next) => part.change({ [name]: next })}
        faulty={marked(`window.${name}`)}
      />
    );
  return (
    <>
      <ChoiceWord
        label={words.labels.window}
        names={words.windows}
        value={kind}
        onChoose={(next) => fields.change({ window: NEW_WINDOWS[next] })}
        faulty={marked('window')}
      />
      {kind === 'last' && part && (
        <DurationWord
          label={words.labels.duration}
          value={part.fields.last}
          onChange={(last) => part.change({ last })}
          faulty={marked('window.last')}
        />
      )}
      {(kind === 'since' || kind === 'between') && point('from', words.labels.start)}
      {kind === 'between' && <span>{words.boundsAnd}</span>}
      {(kind === 'until' || kind === 'between') && point('to', words.labels.end)}
    </>
  );
}

function windowKind(window: Json | undefined): WindowKind | null {
  if (window === undefined) return 'always';
  if (!isObject(window)) return null;
  if ('last' in window) return 'last';
  if ('from' in window) return 'to' in window ? 'between' : 'since';
  return 'to' in window ? 'until' : null;
}
