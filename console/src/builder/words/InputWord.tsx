import { type KeyboardEvent, useEffect, useState } from 'react';
import { useRows } from '../editor/context';
import { isNumber, type Json, readJson } from '../model/json';
import classes from './words.module.css';

interface InputWordProps {
  readonly label: string;
  /** The value as text; null while there is none. */
  readonly value: string | null;
  readonly ask: string;
  /** Take a text over. What is refused stays and is marked; what is kept stays as it was typed, such as `1.0`. */
  readonly onChange: (text: string) => 'taken' | 'kept' | 'refused';
  readonly faulty?: boolean;
  readonly numeric?: boolean;
  readonly mono?: boolean;
}

/** A word of a sentence that is written by hand. */
export function InputWord(props: InputWordProps) {
  const { readOnly } = useRows();
  const { value } = props;
  const [typed, setTyped] = useState<{ text: string; isFaulty: boolean } | null>(null);
  // Another value, such as by undo, replaces what was typed.
  useEffect(() => setTyped(null), [value]);
  const shown = typed?.text ?? value ?? '';
  const isFaulty = props.faulty === true || typed?.isFaulty === true;
  return (
    <input
      type="text"
      data-word={shown === '' ? 'empty' : ''}
      data-look="value"
      data-faulty={isFaulty || undefined}
      className={props.mono ? `${classes.input} mono` : classes.input}
      aria-label={props.label}
      aria-invalid={isFaulty}
      placeholder={props.ask}
      size={Math.max(shown.length, value === null ? props.ask.length : 1)}
      inputMode={props.numeric ? 'decimal' : 'text'}
      autoComplete="off"
      spellCheck={false}
      disabled={readOnly}
      value={shown}
      onChange={(event) => {
        const text = event.currentTarget.value;
        const taken = props.onChange(text);
        setTyped(taken === 'taken' ? null : { text, isFaulty: taken === 'refused' });
      }}
      onBlur={() => setTyped((before) => (before?.isFaulty ? before : null))}
      onKeyDown={selectAllByEnter}
    />
  );
}

/** Enter begins anew: it selects the whole text, as it opens the list of other words. */
function selectAllByEnter(event: KeyboardEvent<HTMLInputElement>): void {
  if (event.key === 'Enter') event.currentTarget.select();
}

interface NumberWordProps {
  readonly label: string;
  readonly value: Json | undefined;
  readonly onChange: (value: number | bigint | undefined, tag: string) => void;
  readonly faulty?: boolean;
  readonly whole?: boolean;
}

/** A number. An empty field is a missing number. */
export function NumberWord({ label, value, onChange, faulty, whole }: NumberWordProps) {
  return (
    <InputWord
      label={label}
      value={isNumber(value) ? String(value) : null}
      ask="…"
      numeric
      faulty={faulty ?? false}
      onChange={(text) => {
        const read = text.trim() === '' ? undefined : readNumber(text.trim());
        if (read === null || (whole && read !== undefined && !/^[0-9]+$/.test(String(read)))) return 'refused';
        onChange(read, label);
        return read === undefined || String(read) === text ? 'taken' : 'kept';
      }}
    />
  );
}

/** Return a text as a number; null if it is none. */
export function readNumber(text: string): number | bigint | null {
  try {
    const { value } = readJson(text);
    return isNumber(value) ? value : null;
  } catch {
    return null;
  }
}
