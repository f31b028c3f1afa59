import type { Client } from './types.ts';

export interface CloseOptions {
  /** Signals that shut the client down before the process ends. Default SIGTERM. */
  signals?: `SIG${string}`[];
  /** Time limit of `shutdown`. Default 10,000. */
  timeoutMs?: number;
}

/**
 * Shuts the client down on SIGTERM and when the process has nothing left to do. Afterwards the signal has its usual effect,
 * unless other listeners handle it. Returns a function that removes the handlers.
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
