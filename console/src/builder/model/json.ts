/** JSON without loss: integers beyond 2^53 are bigints, and every value knows its place in the text. */

export type Json = null | boolean | number | bigint | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** A range of characters in a text; `end` is excluded. */
export interface Place {
  readonly start: number;
  readonly end: number;
}

export type SyntaxReason = 'value' | 'string' | 'number' | 'name' | 'colon' | 'comma' | 'end' | 'depth' | 'repeated';

/** A text that is not JSON, and where. */
export class JsonSyntaxError extends Error {
  constructor(
    readonly reason: SyntaxReason,
    readonly offset: number,
  ) {
    super(`${reason} at ${offset}`);
  }
}

/** A JSON text that was read. `places` has the range of each value by its path, such as `definition.conditions[0].value`. */
export interface ReadJson {
  readonly value: Json;
  readonly places: ReadonlyMap<string, Place>;
}

const SPACE = /[ \t\r\n]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const INTEGER = /^-?[0-9]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids control characters inside of strings.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const MAX_DEPTH = 64;

class Reader {
  readonly places = new Map<string, Place>();
  private at = 0;

  constructor(private readonly text: string) {}

  read(path: string): Json {
    this.skip();
    const value = this.value(path, 0);
    if (this.at < this.text.length) this.fail('end');
    return value;
  }

  private value(path: string, depth: number): Json {
    if (depth > MAX_DEPTH) this.fail('depth');
    const start = this.at;
    const value = this.bare(path, depth);
    this.places.set(path, { start, end: this.at });
    this.skip();
    return value;
  }

  private bare(path: string, depth: number): Json {
    switch (this.text[this.at]) {
      case '{':
        return this.object(path, depth);
      case '[':
        return this.array(path, depth);
      case '"':
        return this.string();
      case 't':
        return this.word('true', true);
      case 'f':
        return this.word('false', false);
      case 'n':
        return this.word('null', null);
      default:
        return this.number();
    }
  }

  private object(path: string, depth: number): JsonObject {
    const fields = new Map<string, Json>();
    this.open();
    while (!this.closes('}', fields.size > 0)) {
      if (this.text[this.at] !== '"') this.fail('name');
      const start = this.at;
      const name = this.string();
      if (fields.has(name)) this.fail('repeated', start);
      this.skip();
      if (this.text[this.at] !== ':') this.fail('colon');
      this.open();
      fields.set(name, this.value(`${path}.${name}`, depth + 1));
    }
    return Object.fromEntries(fields);
  }

  private array(path: string, depth: number): Json[] {
    const items: Json[] = [];
    this.open();
    while (!this.closes(']', items.length > 0)) items.push(this.value(`${path}[${items.length}]`, depth + 1));
    return items;
  }

  private open(): void {
    this.at += 1;
    this.skip();
  }

  /** Read the end of a list, or the comma before its next item. */
  private closes(bracket: string, hasItems: boolean): boolean {
    if (this.text[this.at] === bracket) {
      this.at += 1;
      return true;
    }
    if (hasItems) {
      if (this.text[this.at] !== ',') this.fail('comma');
      this.open();
    }
    return false;
  }

  private string(): string {
    const match = this.match(STRING);
    if (match === undefined) this.fail('string');
    return JSON.parse(match) as string;
  }

  private number(): number | bigint {
    const start = this.at;
    const match = this.match(NUMBER);
    if (match === undefined) this.fail('value');
    const value = Number(match);
    if (!Number.isFinite(value)) this.fail('number', start);
    return INTEGER.test(match) && !Number.isSafeInteger(value) ? BigInt(match) : value;
  }

  private word<T extends Json>(text: string, value: T): T {
    if (!this.text.startsWith(text, this.at)) this.fail('value');
    this.at += text.length;
    return value;
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text)?.[0];
    this.at += match?.length ?? 0;
    return match;
  }

  private skip(): void {
    this.match(SPACE);
  }

  private fail(reason: SyntaxReason, offset = this.at): never {
    throw new JsonSyntaxError(reason, offset);
  }
}

/** Read a JSON text; throws JsonSyntaxError. `root` is the path of the outermost value. */
export function readJson(text: string, root = 'definition'): ReadJson {
  const reader = new Reader(text);
  return { value: reader.read(root), places: reader.places };
}

const LINE = 88;

/** Write a value as JSON. With `pretty`, what fits on a line of 88 characters stays on it. */
export function writeJson(value: Json, pretty = false): string {
  return pretty ? prettyText(value, '') : compactText(value, ',', ':');
}

function prettyText(value: Json, indent: string): string {
  const line = compactText(value, ', ', ': ');
  if (indent.length + line.length <= LINE || typeof value !== 'object' || value === null) return line;
  const deeper = `${indent}  `;
  const [open, close] = isList(value) ? ['[', ']'] : ['{', '}'];
  const parts = isList(value)
    ? value.map((item) => prettyText(item, deeper))
    : Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${prettyText(item, deeper)}`);
  return `${open}\n${deeper}${parts.join(`,\n${deeper}`)}\n${indent}${close}`;
}

function compactText(value: Json, comma: string, colon: string): string {
  if (typeof value === 'number') return numberText(value);
  if (typeof value === 'bigint') return value.toString();
  if (isList(value)) return `[${value.map((item) => compactText(item, comma, colon)).join(comma)}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const fields = Object.entries(value).map(
    ([name, item]) => `${JSON.stringify(name)}${colon}${compactText(item, comma, colon)}`,
  );
  return `{${fields.join(comma)}}`;
}

/** Return a number as JSON. A large double keeps its exponent: without one it would be read as an integer. */
function numberText(value: number): string {
  if (Object.is(value, -0)) return '-0';
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? value.toExponential() : String(value);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export function isNumber(value: Json | undefined): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** Return whether two values are equal as JSON, whatever the order of the fields. */
export function sameJson(left: Json, right: Json): boolean {
  if (isList(left) || isList(right)) {
    return (
      isList(left) &&
      isList(right) &&
      left.length === right.length &&
      left.every((item, index) => sameJson(item, right[index] ?? null))
    );
  }
  if (!isObject(left) || !isObject(right)) return Object.is(left, right);
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => Object.hasOwn(right, name) && sameJson(left[name] ?? null, right[name] ?? null))
  );
}
