import { type KeyboardEvent, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import { useRows } from '../editor/context';
import { type Choice, Picker, type PickerProps } from './Picker';
import classes from './words.module.css';

export interface WordProps
  extends Pick<PickerProps, 'choices' | 'create' | 'multiple' | 'note' | 'placeholder' | 'onPaste'> {
  /** What the word is, for screen readers: "Event". */
  readonly label: string;
  /** What the row shows; null while nothing was chosen. */
  readonly shown: string | null;
  /** What the row shows instead of nothing. */
  readonly ask: string;
  readonly selected: readonly string[];
  readonly onChoose: (key: string) => void;
  /** Called when the list opens, to read suggestions only then. */
  readonly onOpen?: () => void;
  readonly faulty?: boolean;
  /** `value` for what a person wrote, `plain` for words of grammar. */
  readonly look?: 'plain' | 'value';
}

/** A word of a sentence that is a list to choose from. Enter, a click or a letter opens it. */
export function Word(props: WordProps) {
  const { readOnly } = useRows();
  const button = useRef<HTMLButtonElement>(null);
  const [typed, setTyped] = useState<string | null>(null);
  const isEmpty = props.shown === null;
  const open = (text: string) => {
    props.onOpen?.();
    // At once, so that the next letter goes into the list's text field.
    flushSync(() => setTyped(text));
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.target !== button.current || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key.length === 1 && event.key !== ' ') open(event.key);
    else if (event.key === 'ArrowDown') open('');
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys belong to the button inside of it.
    <span onKeyDown={onKey}>
      <button
        ref={button}
        type="button"
        data-word={isEmpty ? 'empty' : ''}
        data-faulty={props.faulty || undefined}
        data-look={props.look ?? 'plain'}
        className={classes.word}
        aria-haspopup="listbox"
        aria-expanded={typed !== null}
        aria-label={`${props.label}: ${props.shown ?? props.ask}`}
        disabled={readOnly}
        onClick={() => (typed === null ? open('') : setTyped(null))}
      >
        {props.shown ?? props.ask}
      </button>
      {typed !== null && button.current !== null && (
        <Picker
          {...props}
          typed={typed}
          anchor={button.current}
          onClose={(returnFocus) => {
            setTyped(null);
            if (returnFocus) button.current?.focus();
          }}
        />
      )}
    </span>
  );
}

/** A word with a fixed list of choices, such as an operator. */
export function ChoiceWord<K extends string>(props: {
  readonly label: string;
  readonly names: Readonly<Record<K, string>>;
  readonly value: K | null;
  /** Shown for a value that is none of the choices. */
  readonly other?: string;
  readonly onChoose: (value: K) => void;
  readonly details?: Readonly<Record<K, string>>;
  readonly faulty?: boolean;
}) {
  const keys = Object.keys(props.names) as K[];
  const choices = keys.map(
    (key): Choice => ({ key, label: props.names[key], ...(props.details ? { detail: props.details[key] } : {}) }),
  );
  return (
    <Word
      label={props.label}
      shown={props.value === null ? (props.other ?? null) : props.names[props.value]}
      ask={props.label}
      choices={choices}
      selected={props.value === null ? [] : [props.value]}
      onChoose={(key) => props.onChoose(key as K)}
      faulty={props.faulty ?? false}
    />
  );
}
