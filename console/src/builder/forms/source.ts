import { asProblem } from '@/api/problem';
import { builder as words } from '@/strings/builder';
import { describe } from '../data/useDescription';
import { ancestors, type Fault } from '../model/faults';
import { type Json, type JsonObject, JsonSyntaxError, type Place, readJson } from '../model/json';
import { offsetOf, placesInText } from '../model/text-places';
import { readTree } from '../model/tree';

export type SourceForm = 'text' | 'json';

/** An error in a text that a person wrote, at its place. */
export interface Mark extends Place {
  readonly detail: string;
}

/** What a text means, or why it means nothing. */
export type Reading =
  | { readonly definition: JsonObject }
  | { readonly marks: readonly Mark[]; readonly problem: string | null };

/** Read a text as a definition. */
export async function read(form: SourceForm, text: string, signal: AbortSignal): Promise<Reading> {
  if (form === 'text') return ask({ text }, placesInText(text), text, signal);
  try {
    const { value, places } = readJson(text);
    if (!isDefinition(value))
      return { marks: [{ start: 0, end: text.length, detail: words.syntax.shape }], problem: null };
    return await ask({ definition: value }, places, text, signal);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const start = Math.min(error.offset, Math.max(0, text.length - 1));
    return { marks: [{ start, end: wordEnd(text, start), detail: words.syntax[error.reason] }], problem: null };
  }
}

function isDefinition(value: Json): value is JsonObject {
  return readTree(value) !== null;
}

async function ask(
  form: { text: string } | { definition: JsonObject },
  places: ReadonlyMap<string, Place>,
  text: string,
  signal: AbortSignal,
): Promise<Reading> {
  try {
    return { definition: (await describe(form, signal)).definition };
  } catch (error) {
    signal.throwIfAborted();
    const problem = asProblem(error);
    const marks = problem.faults.map((fault) => markOf(fault, places, text));
    return { marks, problem: marks.length === 0 ? problem.message : null };
  }
}

const AT = /^line (\d+), column (\d+): (.*)$/s;

/** Return the place of an error: its line and column if it names them, else the innermost part that its path names. */
function markOf(fault: Fault, places: ReadonlyMap<string, Place>, text: string): Mark {
  const at = AT.exec(fault.detail);
  if (at?.[3] !== undefined) {
    const start = Math.min(offsetOf(text, Number(at[1]), Number(at[2])), Math.max(0, text.length - 1));
    return { start, end: wordEnd(text, start), detail: at[3] };
  }
  const path = ancestors(fault.path).find((part) => places.has(part));
  const place = places.get(path ?? '') ?? { start: 0, end: text.length };
  return { ...place, detail: path === fault.path ? fault.detail : `${lastName(fault.path)} ${fault.detail}` };
}

function lastName(path: string): string {
  return path.split('.').at(-1) ?? path;
}

function wordEnd(text: string, start: number): number {
  return start + Math.max(1, /^[^\s{}[\],]*/.exec(text.slice(start))?.[0].length ?? 1);
}

/** Return the line and column of an offset, both from 1. */
export function lineOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}
