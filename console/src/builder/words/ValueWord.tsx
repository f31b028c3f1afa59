import { useState } from 'react';
import { builderWords as words } from '@/strings/builder-words';
import { useProperties } from '../data/useCatalogue';
import { type Fields, useRows } from '../editor/context';
import { isList, type Json, readJson, sameJson, writeJson } from '../model/json';
import { type ValueKind, valueKind } from '../model/language';
import { scalarText, typedValues, valueChoices } from './catalogue';
import { DurationWord } from './DurationWord';
import { InputWord, NumberWord } from './InputWord';
import { InstantWord } from './InstantWord';
import { Word } from './Word';

interface ValueWordProps {
  /** The event type that has the property; null for traits. */
  readonly eventType: Json | undefined;
  /** A filter or a trait condition. */
  readonly test: Fields;
  readonly faulty: boolean;
}

/** The value of a filter or a trait condition, as its operator needs it. */
export function ValueWord(props: ValueWordProps) {
  const { fields, change } = props.test;
  const kind = valueKind(fields.operator);
  const faulty = props.faulty;
  const set = (value: Json | undefined, tag = 'value') => change({ value }, tag);
  const label = words.labels.value;
  switch (kind) {
    case 'none':
      return null;
    case 'number':
      return <NumberWord label={label} value={fields.value} onChange={(value) => set(value)} faulty={faulty} />;
    case 'bounds':
      return <BoundsWords value={fields.value} onChange={set} faulty={faulty} />;
    case 'duration':
      return <DurationWord label={label} value={fields.value} onChange={(value) => set(value, '')} faulty={faulty} />;
    case 'instant':
      return <InstantWord label={label} value={fields.value} onChange={(value) => set(value)} faulty={faulty} />;
    case 'text':
    case 'pattern':
      return <PlainText kind={kind} value={fields.value} onChange={set} faulty={faulty} />;
    case null:
      return <code>{writeJson(fields.value ?? null)}</code>;
    default:
      return <ScalarWord {...props} isList={kind === 'list'} />;
  }
}

interface PartProps {
  readonly value: Json | undefined;
  readonly onChange: (value: Json | undefined, tag?: string) => void;
  readonly faulty: boolean;
}

function PlainText({ kind, value, onChange, faulty }: PartProps & { readonly kind: ValueKind }) {
  return (
    <InputWord
      label={words.labels.value}
      value={typeof value === 'string' ? value : null}
      ask={words.choose.text}
      mono={kind === 'pattern'}
      faulty={faulty}
      onChange={(text) => {
        onChange(text);
        return 'taken';
      }}
    />
  );
}

/** Two numbers, of which one may still be missing. */
export function BoundsWords({ value, onChange, faulty }: PartProps) {
  const [low, high] = isList(value) ? value : [value, value];
  // A bound that was emptied takes the other's place, because a list has no gaps.
  const set = (bounds: readonly [Json | undefined, Json | undefined], tag: string) => {
    const [from, to] = [bounds[0] ?? bounds[1], bounds[1] ?? bounds[0]];
    onChange(from === undefined || to === undefined ? undefined : [from, to], tag);
  };
  return (
    <>
      <NumberWord label={words.labels.low} value={low} onChange={(next) => set([next, high], 'low')} faulty={faulty} />
      <span>{words.boundsAnd}</span>
      <NumberWord
        label={words.labels.high}
        value={high}
        onChange={(next) => set([low, next], 'high')}
        faulty={faulty}
      />
    </>
  );
}

/** A text, number or truth value, or several, chosen from those that were seen or typed. */
function ScalarWord({ eventType, test, faulty, isList: isMany }: ValueWordProps & { readonly isList: boolean }) {
  const { tenant } = useRows();
  const [opened, setOpened] = useState(false);
  const { fields, change } = test;
  const properties = useProperties(
    tenant,
    typeof eventType === 'string' ? eventType : null,
    opened && eventType !== undefined,
  );
  const property = properties.data?.find(({ path }) => path === fields.property);
  const values = isList(fields.value) ? fields.value : fields.value === undefined ? [] : [fields.value];
  const choices = valueChoices(property);
  const keys = values.map((value) => writeJson(value));
  const chosen = keys.filter((key) => !choices.some((choice) => choice.key === key));
  const choose = (key: string) =>
    change({ value: isMany ? toggled(values, readJson(key).value) : readJson(key).value });
  return (
    <Word
      label={words.labels.value}
      shown={isMany ? listText(values) : scalarText(fields.value)}
      ask={words.choose.value}
      look="value"
      multiple={isMany}
      choices={
        isMany ? [...chosen.map((key) => ({ key, label: scalarText(readJson(key).value) ?? '' })), ...choices] : choices
      }
      create={(typed) => typedValues(typed, property)}
      note={isMany ? words.picker.pasteHelp : undefined}
      selected={keys}
      onOpen={() => setOpened(true)}
      onChoose={choose}
      faulty={faulty}
      {...(isMany ? { onPaste: (text: string) => pasted(text, values, (value) => change({ value })) } : {})}
    />
  );
}

const MAX_SHOWN = 3;

function listText(values: readonly Json[]): string | null {
  if (values.length === 0) return null;
  const shown = values.slice(0, MAX_SHOWN).map((value) => scalarText(value));
  const more = values.length - shown.length;
  return more > 0 ? `${shown.join(', ')} ${words.picker.moreValues(more)}` : shown.join(', ');
}

function toggled(values: readonly Json[], value: Json): readonly Json[] | undefined {
  const without = values.filter((item) => !sameJson(item, value));
  const next = without.length < values.length ? without : [...values, value];
  return next.length === 0 ? undefined : next;
}

/** Add each line of a pasted list. Return false for a single line, which is typed text. */
function pasted(text: string, values: readonly Json[], onChange: (values: readonly Json[]) => void): boolean {
  const lines = text.split(/[\r\n\t]+/).map((line) => line.trim());
  const items = lines.filter((line) => line !== '');
  if (items.length < 2) return false;
  const parsed = items.map((item) => readJson(typedValues(item, undefined)[0]?.key ?? '""').value);
  onChange([
    ...values,
    ...parsed.filter(
      (item, index) =>
        parsed.findIndex((other) => sameJson(other, item)) === index && !values.some((value) => sameJson(value, item)),
    ),
  ]);
  return true;
}
