/** Payloads as lines of text: pure functions. */

export interface Leaf {
  /** The path as conditions write it: a dot inside of a key has a backslash before it. */
  path: string;
  /** The last key of the path. */
  key: string;
  value: unknown;
}

const MOST_LEAVES = 200;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Return the values of a payload with their paths; objects are entered, lists are not. At most 200. */
export function leaves(payload: Record<string, unknown>, above = ''): Leaf[] {
  const found: Leaf[] = [];
  for (const [key, value] of Object.entries(payload)) {
    const path = above + key.replaceAll('.', '\\.');
    if (isObject(value) && Object.keys(value).length > 0) found.push(...leaves(value, `${path}.`));
    else found.push({ path, key, value });
    if (found.length >= MOST_LEAVES) break;
  }
  return found.slice(0, MOST_LEAVES);
}

/** Write a value for people: a text as it is, everything else as JSON. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Return the first values of a payload in one line. */
export function summary(payload: Record<string, unknown> | null, most = 4): string {
  if (payload === null) return '';
  return leaves(payload)
    .slice(0, most)
    .map(({ path, value }) => `${path}: ${shown(value)}`)
    .join(' · ');
}

/** Return the text by which events with this value are found, or null if there is none. */
export function searchFor({ key, value }: Leaf): string | null {
  if (typeof value === 'object' && value !== null) return null;
  return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
}
