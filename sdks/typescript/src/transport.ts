/** The parsed body of a response; its shape is not guaranteed. */
// biome-ignore lint/suspicious/noExplicitAny: every use of it is checked.
export type Answer = any;

/** Returns the wait in milliseconds that a response asks for, or NaN. */
export const retryAfter = (response: Response | undefined) => {
  const value: Answer = response?.headers.get('retry-after') || '?';
  return value >= 0 ? value * 1e3 : Date.parse(value) - Date.now();
};

/** Returns why the event at `index` is refused, by `index` in an accepted batch, by `path` in a problem document. */
export const refusalAt = (answer: Answer, index: number) => {
  for (const error of [answer?.errors].flat()) {
    const [, at, field] = /^batch\D(\d+)\W*(.*)/.exec(error?.path) ?? [];
    if (+(error?.index ?? at) === index) return (field ? `${field}: ` : '') + error.detail;
  }
};
