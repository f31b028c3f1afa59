/** Returns the action's result, or undefined if it throws. */
export const attempt = <T>(action: () => T): T | undefined => {
  try {
    return action();
  } catch {}
};

export const iso = (ms: number) => new Date(ms).toISOString();

/** Milliseconds and a counter of 12 bits, which a double holds exactly until 2039; 14 hexadecimal digits from 2005 on. */
let last = 0;

/** Returns a UUIDv7, greater than the one before (RFC 9562, section 6.2, method 1). */
export const uuid = () => {
  last = Math.max(Date.now() * 4096, last + 1);
  const random = crypto.getRandomValues(new BigUint64Array(1))[0] as bigint;
  return `0${last.toString(16)}${random.toString(16).padStart(16, '0')}`.replace(
    /(.{8})(.{4})(...).(...)/,
    '$1-$2-7$3-8$4-',
  );
};

/** An event in the queue: its JSON text, the text's size in UTF-8, and whether it was removed. */
export interface Item {
  text: string;
  bytes: number;
  gone?: boolean;
  /** Id of the user, or of the visitor. */
  who?: string | undefined;
  /** The time in the text, as long as it may change. */
  at?: number | undefined;
}

const encoder = new TextEncoder();

export const itemOf = (text: string, at?: number): Item => ({ text, bytes: encoder.encode(text).length, at });
