import { type KeyboardEvent, type RefObject, useEffect, useId, useLayoutEffect, useRef, useState } from 'react';
import { builderWords as words } from '@/strings/builder-words';
import classes from './words.module.css';

/** One thing to choose. */
export interface Choice {
  readonly key: string;
  readonly label: string;
  readonly detail?: string;
  /** More words that find it. */
  readonly search?: string;
}

export interface PickerProps {
  /** What is chosen, for screen readers. */
  readonly label: string;
  readonly choices: readonly Choice[];
  /** More choices from what was typed, such as a name that no event has yet. */
  readonly create?: (typed: string) => readonly Choice[];
  readonly selected: readonly string[];
  readonly multiple?: boolean;
  /** A line below the choices. */
  readonly note?: string | undefined;
  readonly placeholder?: string;
  /** What was typed to open it. */
  readonly typed: string;
  readonly anchor: HTMLElement;
  readonly onChoose: (key: string) => void;
  readonly onPaste?: (text: string) => boolean;
  readonly onClose: (returnFocus: boolean) => void;
}

const MAX_SHOWN = 200;

/** A list to choose from by typing. Enter or Tab takes the marked choice, Escape closes. */
export function Picker(props: PickerProps) {
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const [typed, setTyped] = useState(props.typed);
  const shown = matching(props, typed);
  const [marked, setMarked] = useState(() =>
    Math.max(
      0,
      shown.findIndex(({ key }) => key === props.selected[0]),
    ),
  );
  const [moved, setMoved] = useState(false);
  const at = Math.min(marked, shown.length - 1);
  usePlacement(box, props.anchor);
  const choose = (choice: Choice | undefined, stay = false) => {
    if (choice !== undefined) props.onChoose(choice.key);
    if (!props.multiple) props.onClose(!stay);
    else if (typed !== '') setTyped('');
  };
  const move = (step: number) => {
    setMoved(true);
    setMarked((at + step + shown.length) % Math.max(1, shown.length));
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'ArrowDown' && !event.altKey) move(1);
    else if (event.key === 'ArrowUp' && !event.altKey) move(-1);
    else if (event.key === 'Enter') choose(shown[at]);
    else if (event.key === 'Escape') props.onClose(true);
    else if (event.key === 'Tab') {
      if (typed !== '' || moved) choose(shown[at], true);
      // The focus returns to the word before the browser moves it on from there.
      props.anchor.focus();
      props.onClose(false);
      return;
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys belong to the text field inside of it.
    <div
      ref={box}
      popover="manual"
      className={classes.picker}
      onKeyDown={onKey}
      onBlur={(event) => {
        if (!box.current?.contains(event.relatedTarget) && event.relatedTarget !== props.anchor) props.onClose(false);
      }}
    >
      <input
        className={classes.search}
        role="combobox"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={at < 0 ? undefined : `${id}-${at}`}
        aria-autocomplete="list"
        aria-label={props.label}
        placeholder={props.placeholder ?? words.picker.search}
        autoComplete="off"
        spellCheck={false}
        value={typed}
        onChange={(event) => {
          setTyped(event.currentTarget.value);
          setMarked(0);
        }}
        onPaste={(event) => {
          if (props.onPaste?.(event.clipboardData.getData('text'))) event.preventDefault();
        }}
      />
      <Choices id={id} shown={shown} at={at} picker={props} onChoose={choose} />
      {props.note !== undefined && <div className={classes.note}>{props.note}</div>}
    </div>
  );
}

interface ChoicesProps {
  readonly id: string;
  readonly shown: readonly Choice[];
  readonly at: number;
  readonly picker: PickerProps;
  readonly onChoose: (choice: Choice) => void;
}

function Choices({ id, shown, at, picker, onChoose }: ChoicesProps) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.children[at]?.scrollIntoView({ block: 'nearest' });
  }, [at]);
  return (
    <div
      ref={list}
      id={`${id}-list`}
      role="listbox"
      tabIndex={-1}
      aria-label={picker.label}
      aria-multiselectable={picker.multiple}
      className={classes.choices}
    >
      {shown.map((choice, index) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the text field above has the keys.
        <div
          key={choice.key}
          id={`${id}-${index}`}
          role="option"
          tabIndex={-1}
          aria-selected={picker.selected.includes(choice.key)}
          data-marked={index === at || undefined}
          className={classes.choice}
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => onChoose(choice)}
        >
          <span className={classes.choiceLabel}>{choice.label}</span>
          {choice.detail !== undefined && <span className={classes.choiceDetail}>{choice.detail}</span>}
        </div>
      ))}
      {shown.length === 0 && <div className={classes.note}>{words.picker.nothing}</div>}
    </div>
  );
}

/** Return the choices that contain what was typed, those that begin with it first, then what can be made of it. */
function matching({ choices, create }: PickerProps, typed: string): readonly Choice[] {
  const query = typed.trim().toLowerCase();
  const made = (create?.(typed) ?? []).filter(({ key }) => !choices.some((choice) => choice.key === key));
  const found = choices.filter(({ label, search }) => `${label} ${search ?? ''}`.toLowerCase().includes(query));
  const rank = ({ label }: Choice) =>
    label.toLowerCase() === query ? 0 : label.toLowerCase().startsWith(query) ? 1 : 2;
  return [...found.toSorted((left, right) => rank(left) - rank(right)), ...made].slice(0, MAX_SHOWN);
}

/** Show the list in the top layer, below the word, or above where there is more room; inside of the window. */
function usePlacement(box: RefObject<HTMLDivElement | null>, anchor: HTMLElement): void {
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    element.showPopover();
    // Nothing inside of it can have the focus before it is shown.
    element.querySelector('input')?.focus();
    const place = () => {
      const word = anchor.getBoundingClientRect();
      const below = innerHeight - word.bottom;
      const above = below < 220 && word.top > below;
      element.style.left = `${Math.max(8, Math.min(word.left, innerWidth - element.offsetWidth - 8))}px`;
      element.style.top = above ? '' : `${word.bottom + 4}px`;
      element.style.bottom = above ? `${innerHeight - word.top + 4}px` : '';
      element.style.maxHeight = `${Math.max(120, (above ? word.top : below) - 12)}px`;
    };
    place();
    addEventListener('scroll', place, true);
    addEventListener('resize', place);
    return () => {
      removeEventListener('scroll', place, true);
      removeEventListener('resize', place);
    };
  }, [box, anchor]);
}
