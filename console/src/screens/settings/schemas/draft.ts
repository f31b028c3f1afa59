/** What is typed into the form of a schema. */
import type { EventSchemaRead, PropertyRuleRead } from '@/api/types';

export type Mode = EventSchemaRead['mode'];
export type Rule = Pick<PropertyRuleRead, 'name' | 'type' | 'required'>;

export const MODES: readonly Mode[] = ['refuse', 'quarantine', 'warn'];
export const TYPES: readonly Rule['type'][] = ['string', 'number', 'boolean', 'datetime', 'array'];
export const MAX_RULES = 100;

/** A property in the form. Its key stays the same while its name is typed. */
export interface DraftRule extends Rule {
  key: number;
}

export interface SchemaDraft {
  event_type: string;
  mode: Mode;
  rules: readonly DraftRule[];
}

export function numbered(rules: readonly Rule[]): DraftRule[] {
  return rules.map(({ name, type, required }, key) => ({ name, type, required, key }));
}

/** Begin with what is stored, or with one empty property of a schema that only warns. */
export function draftOf(schema: EventSchemaRead | null): SchemaDraft {
  return schema === null
    ? { event_type: '', mode: 'warn', rules: numbered([{ name: '', type: 'string', required: false }]) }
    : { event_type: schema.event_type, mode: schema.mode, rules: numbered(schema.properties) };
}

export function withRule(rules: readonly DraftRule[]): DraftRule[] {
  const key = Math.max(-1, ...rules.map((rule) => rule.key)) + 1;
  return [...rules, { name: '', type: 'string', required: false, key }];
}

/** Return the properties to send. Rows without a name are left out. */
export function sentRules(rules: readonly DraftRule[]): Rule[] {
  return rules
    .filter(({ name }) => name.trim() !== '')
    .map(({ name, type, required }) => ({ name: name.trim(), type, required }));
}
