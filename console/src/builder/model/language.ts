/** The condition types and operators of the language, as rows need them. docs/segment-language.md is the contract. */

import { isList, isNumber, type Json, type JsonObject } from './json';

/** What a person chooses from to add a condition, in the words of the menu. */
export const TYPES = [
  'event_count',
  'event_time',
  'event_match',
  'event_sequence',
  'event_regularity',
  'event_aggregate',
  'user_property',
  'segment',
  'sample',
] as const;
export type ConditionType = (typeof TYPES)[number];

export function typeOf(fields: JsonObject): ConditionType | null {
  return TYPES.find((type) => type === fields.type) ?? null;
}

/** The kinds of `value` of operators. */
export type ValueKind = 'scalar' | 'list' | 'number' | 'bounds' | 'text' | 'pattern' | 'none' | 'instant' | 'duration';

/** The operators of filters and traits, in the order of the menu, with the kind of their value. */
export const OPERATORS = {
  eq: 'scalar',
  neq: 'scalar',
  in: 'list',
  not_in: 'list',
  contains: 'scalar',
  not_contains: 'scalar',
  starts_with: 'text',
  ends_with: 'text',
  exists: 'none',
  not_exists: 'none',
  gt: 'number',
  gte: 'number',
  lt: 'number',
  lte: 'number',
  between: 'bounds',
  before: 'instant',
  after: 'instant',
  within_last: 'duration',
  not_within_last: 'duration',
  matches: 'pattern',
  not_matches: 'pattern',
} as const satisfies Readonly<Record<string, ValueKind>>;
export type Operator = keyof typeof OPERATORS;
export const OPERATOR_NAMES = Object.keys(OPERATORS) as readonly Operator[];

export const COUNT_OPERATORS = ['gte', 'lte', 'eq', 'gt', 'lt', 'neq', 'between'] as const;
export type CountOperator = (typeof COUNT_OPERATORS)[number];

export const TIME_OPERATORS = ['within_last', 'not_within_last', 'before', 'after'] as const;
export type TimeOperator = (typeof TIME_OPERATORS)[number];

export const FUNCTIONS = ['sum', 'avg', 'min', 'max', 'distinct'] as const;
export type AggregateFunction = (typeof FUNCTIONS)[number];

export const MAX_STEPS = 8;
export const MIN_STEPS = 2;

/** Return the kind of an operator's value; null for an operator that this console does not know. */
export function valueKind(operator: Json | undefined): ValueKind | null {
  const known = OPERATOR_NAMES.find((name) => name === operator);
  return known === undefined ? null : OPERATORS[known];
}

/** Return the fields that a new operator changes: the value stays if it fits. */
export function withOperator(operator: string, value: Json | undefined): { operator: string; value: Json | undefined } {
  return { operator, value: fitted(valueKind(operator), value) };
}

function fitted(kind: ValueKind | null, value: Json | undefined): Json | undefined {
  const single = isList(value) ? value[0] : value;
  switch (kind) {
    case 'none':
      return undefined;
    case 'list':
      return isList(value) ? value : single === undefined ? undefined : [single];
    case 'number':
      return isNumber(single) ? single : undefined;
    case 'bounds':
      return isList(value) && value.length === 2 && value.every(isNumber)
        ? value
        : isNumber(single)
          ? [single, single]
          : undefined;
    case 'scalar':
      return single;
    case null:
      return value;
    default:
      return typeof single === 'string' ? single : undefined;
  }
}

/** Return the fields of a new condition. What a person must choose is missing. */
export function blank(type: ConditionType): JsonObject {
  return BLANKS[type];
}

const BLANKS: Readonly<Record<ConditionType, JsonObject>> = {
  event_count: { type: 'event_count', operator: 'gte', value: 1 },
  event_time: { type: 'event_time', occurrence: 'last', operator: 'within_last', value: '30d' },
  event_match: { type: 'event_match', occurrence: 'last', has: [] },
  event_sequence: { type: 'event_sequence', steps: [{}, {}], within: '1d' },
  event_regularity: { type: 'event_regularity', period: '1d', of: 7, at_least: 3 },
  event_aggregate: { type: 'event_aggregate', function: 'sum', operator: 'gte' },
  user_property: { type: 'user_property', operator: 'eq' },
  segment: { type: 'segment' },
  sample: { type: 'sample', percent: 10 },
};

/** Return the fields that a condition must have and lacks, such as `event_type` or `where[0].value`. */
export function missingFields(fields: JsonObject): string[] {
  const type = typeOf(fields);
  if (type === null) return [];
  return [
    ...REQUIRED[type].filter((name) => fields[name] === undefined),
    ...(fields.per === '' ? ['per'] : []),
    ...(type === 'user_property' ? missingOfTest(fields) : []),
    ...['where', 'has', 'steps'].flatMap((name) => missingInList(name, fields[name])),
  ];
}

const REQUIRED: Readonly<Record<ConditionType, readonly string[]>> = {
  event_count: ['event_type', 'operator', 'value'],
  event_time: ['event_type', 'occurrence', 'operator', 'value'],
  event_match: ['event_type', 'occurrence', 'has'],
  event_sequence: ['steps', 'within'],
  event_regularity: ['event_type', 'period', 'of', 'at_least'],
  event_aggregate: ['event_type', 'property', 'function', 'operator', 'value'],
  user_property: [],
  segment: ['segment_id'],
  sample: ['percent'],
};

function missingInList(name: string, items: Json | undefined): string[] {
  if (!isList(items)) return [];
  return items.flatMap((item, index) => {
    const at = `${name}[${index}]`;
    const fields = item as JsonObject;
    const inner =
      name === 'steps'
        ? [...(fields.event_type === undefined ? ['event_type'] : []), ...missingInList('where', fields.where)]
        : missingOfTest(fields);
    return inner.map((field) => `${at}.${field}`);
  });
}

function missingOfTest(test: JsonObject): string[] {
  const needsValue = valueKind(test.operator) !== 'none';
  return ['property', 'operator', ...(needsValue ? ['value'] : [])].filter((name) => test[name] === undefined);
}
