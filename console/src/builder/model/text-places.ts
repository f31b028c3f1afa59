/** Finds nodes of a definition in its text form, to mark a fault at its place. */

import type { Place } from './json';

const TOKEN = /"(?:[^"\\\n]|\\.)*"|[{}[\],]|[^\s{}[\],"]+/g;
const WITH_NAME = new Set([
  'count',
  'sum',
  'avg',
  'min',
  'max',
  'distinct',
  'first',
  'last',
  'sequence',
  'regular',
  'trait',
]);
const WITH_NUMBER = new Set(['segment', 'sample']);

interface Token {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

interface OpenGroup {
  readonly path: string;
  readonly start: number;
  children: number;
}

/** Return where each condition and group of a text begins and ends, by its path in the definition. */
export function placesInText(text: string): ReadonlyMap<string, Place> {
  const scan = new Scan();
  const tokens = [...text.matchAll(TOKEN)].map(
    (match): Token => ({ text: match[0], start: match.index, end: match.index + match[0].length }),
  );
  for (const [index, token] of tokens.entries()) scan.read(token, tokens[index + 1], tokens[index + 2]);
  scan.close(text.trimEnd().length);
  return scan.places;
}

class Scan {
  readonly places = new Map<string, Place>();
  private readonly groups: OpenGroup[] = [];
  private condition: { path: string; start: number } | null = null;
  private negation: number | null = null;
  private end = 0;

  read(token: Token, next: Token | undefined, afterNext: Token | undefined): void {
    if (token.text === 'not') {
      this.endCondition();
      this.negation = token.start;
      return;
    }
    if ((token.text === 'all' || token.text === 'any') && next?.text === 'of') {
      this.endCondition();
      this.groups.push({ path: this.nextPath(), start: this.startOf(token), children: 0 });
    } else if (token.text === '}') this.closeGroup(token.end);
    else if (beginsCondition(token, next, afterNext)) {
      this.endCondition();
      this.condition = { path: this.nextPath(), start: this.startOf(token) };
    }
    this.end = token.end;
  }

  /** End what is still open at the end of the text. */
  close(end: number): void {
    while (this.groups.length > 0) this.closeGroup(end);
  }

  private startOf(token: Token): number {
    const start = this.negation ?? token.start;
    this.negation = null;
    return start;
  }

  private nextPath(): string {
    const outer = this.groups.at(-1);
    if (outer === undefined) return 'definition';
    outer.children += 1;
    return `${outer.path}.conditions[${outer.children - 1}]`;
  }

  private endCondition(): void {
    if (this.condition !== null) this.places.set(this.condition.path, { start: this.condition.start, end: this.end });
    this.condition = null;
  }

  private closeGroup(end: number): void {
    this.endCondition();
    const closed = this.groups.pop();
    if (closed !== undefined) this.places.set(closed.path, { start: closed.start, end });
  }
}

function beginsCondition(token: Token, next: Token | undefined, afterNext: Token | undefined): boolean {
  if (WITH_NUMBER.has(token.text)) return /^[0-9.+-]/.test(next?.text ?? '');
  const name = token.text === 'sequence' && next?.text === 'strict' ? afterNext : next;
  return WITH_NAME.has(token.text) && name?.text.startsWith('"') === true;
}

/** Return the offset of a line and column, both from 1; a column is a code point. */
export function offsetOf(text: string, line: number, column: number): number {
  const lines = text.split('\n');
  const before = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  const inLine = [...(lines[line - 1] ?? '')].slice(0, column - 1).join('').length;
  return Math.min(text.length, before + inLine);
}
