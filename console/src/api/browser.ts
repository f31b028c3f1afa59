/** What browsers offer to secure pages only, with a way for a console on plain HTTP inside of a network. */

/** Return a random UUID, version 4 (RFC 9562). */
export function uuid(): string {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Call a function while no other tab holds the lock; without locks, at once. */
export async function withLock<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!navigator.locks) return work();
  return await navigator.locks.request(name, signal ? { signal } : {}, async () => await work());
}

/** Return the names of the locks that tabs of this console hold now. */
export async function heldLocks(): Promise<string[]> {
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  return held.flatMap((lock) => lock.name ?? []);
}

/** Hold a lock together with other tabs until this tab calls the function that it gets once it holds the lock. */
export function shareLock(name: string): Promise<() => void> {
  return new Promise((held) => {
    if (!navigator.locks) held(() => undefined);
    else void navigator.locks.request(name, { mode: 'shared' }, () => new Promise<void>((release) => held(release)));
  });
}

/** Put a text on the clipboard. */
export async function copyText(value: string): Promise<void> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(value);
    return;
  }
  const area = document.createElement('textarea');
  area.value = value;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
