import { SegOpsClient } from './index.ts';
import type { Client, Options } from './types.ts';

/** The value of `window.segops` that the snippet creates: options, and calls made before this script was loaded. */
interface Stub {
  o: Options;
  q: [method: keyof Client, ...call: unknown[]][];
}

const stub: Stub = (globalThis as unknown as { segops: Stub }).segops;
const client = new SegOpsClient(stub.o);
Object.assign(globalThis, { segops: client });
for (const [method, ...call] of stub.q) (client[method] as (...call: unknown[]) => void)(...call);
