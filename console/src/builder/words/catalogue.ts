import { percent } from '@/components/format';
import { builderWords as words } from '@/strings/builder-words';
import type { PropertyRead } from '../data/types';
import { type Json, writeJson } from '../model/json';
import { readNumber } from './InputWord';
import type { Choice } from './Picker';

/** Return properties as choices. */
export function propertyChoices(properties: readonly PropertyRead[]): readonly Choice[] {
  return properties.map(({ path, types, share }) => ({
    key: path,
    label: path,
    detail: `${types.join(', ')} · ${words.picker.share(percent(share))}`,
  }));
}

/** Return a scalar as a row shows it: a text that looks like something else is in quotes. */
export function scalarText(value: Json | undefined): string | null {
  if (value === undefined) return null;
  if (typeof value !== 'string') return writeJson(value);
  return isPlain(value) ? value : JSON.stringify(value);
}

function isPlain(text: string): boolean {
  return text !== '' && text.trim() === text && text !== 'true' && text !== 'false' && readNumber(text) === null;
}

/** Return the frequent values of a property as choices, each by its JSON. */
export function valueChoices(property: PropertyRead | undefined): readonly Choice[] {
  return (property?.top_values ?? []).map(({ value, count }) => ({
    key: writeJson(value),
    label: scalarText(value) ?? '',
    detail: words.picker.seen(String(count)),
  }));
}

/** Return the values that a person may mean: `5` is a number or a text, whichever the property has more often first. */
export function typedValues(typed: string, property: PropertyRead | undefined): readonly Choice[] {
  const asText: Choice = {
    key: writeJson(typed),
    label: scalarText(typed) ?? '',
    detail: typed === '' ? words.picker.emptyText : words.picker.textValue,
  };
  const other = otherThanText(typed.trim());
  if (other === null) return [asText];
  const isText =
    property?.types.includes('string') === true &&
    !property.types.some((type) => type === 'number' || type === 'boolean');
  return isText ? [asText, other] : [other, asText];
}

function otherThanText(typed: string): Choice | null {
  if (typed === 'true' || typed === 'false') return { key: typed, label: typed, detail: words.picker.booleanValue };
  const number = readNumber(typed);
  return number === null
    ? null
    : { key: writeJson(number), label: writeJson(number), detail: words.picker.numberValue };
}
