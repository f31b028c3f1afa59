import { createClient } from './client.ts';
import type { Client, Events, Options } from './types.ts';

export type * from './types.ts';

/** Sends events to SegOps. `new SegOpsClient<{ purchase: { total: number } }>(options)` checks event names and payloads. */
export interface SegOpsClient<E extends Events = Record<string, object>> extends Client<E> {}

export const SegOpsClient = function (this: object, options: Options) {
  Object.assign(this, createClient(options));
} as unknown as new <E extends Events = Record<string, object>>(
  options: Options,
) => SegOpsClient<E>;
