import type { Client } from './types.ts';

export interface CloseOptions {
  /** Signals on which the client is shut down before the process ends. Default SIGTERM. */
  signals?: `SIG${string}`[];
  /** What `shutdown` gets. Default 10,000. */
  timeoutMs?: number;
}

/**
 * Shuts the client down when the process ends: on SIGTERM, and when it has nothing left to do. The signal then does what
 * it would have done; other listeners for it are left to decide. Returns what undoes it.
 */
export const closeOnExit = (
  client: Pick<Client, 'shutdown'>,
  { signals = ['SIGTERM'], timeoutMs }: CloseOptions = {},
): (() => void) => {
  const onExit = () => void client.shutdown(timeoutMs);
  const onSignal = async (signal: string) => {
    await client.shutdown(timeoutMs);
    undo();
    if (!process.listenerCount(signal)) process.kill(process.pid, signal);
  };
  const undo = () => {
    process.off('beforeExit', onExit);
    for (const signal of signals) process.off(signal, onSignal);
  };
  process.once('beforeExit', onExit);
  for (const signal of signals) process.on(signal, onSignal);
  return undo;
};
