/** Returns the action's result, or undefined if it throws. */
export const attempt = <T>(action: () => T): T | undefined => {
  try {
    return action();
  } catch {}
};

export const now = () => new Date().toISOString();

/** Returns a UUIDv7. Pages on plain HTTP have no randomUUID. */
export const uuid = () => {
  const time = Date.now().toString(16).padStart(12, '0');
  const random = crypto.randomUUID
    ? crypto.randomUUID().slice(15)
    : 'xxx-8xxx-xxxxxxxxxxxx'.replace(/x/g, () =>
        ((crypto.getRandomValues(new Uint8Array(1))[0] ?? 0) & 15).toString(16),
      );
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random}`;
};

/** An event in the queue: its JSON text, the text's size in UTF-8, and whether it was removed. */
export interface Item {
  text: string;
  bytes: number;
  gone?: boolean;
}

const encoder = new TextEncoder();

export const itemOf = (text: string): Item => ({ text, bytes: encoder.encode(text).length });
