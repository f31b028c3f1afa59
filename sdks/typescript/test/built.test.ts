// What needs the built package: a process that ends, and the script tag. `npm test` builds it first.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fakeFetch } from '../src/testing.ts';

const dist = new URL('../dist/', import.meta.url);

let server: Server;
let received: string[];
let address: string;
/** Requests that are answered 500. */
let failing: number;

beforeEach(async () => {
  received = [];
  failing = 0;
  server = createServer(async (request, response) => {
    received.push(await text(request));
    response.writeHead(failing-- > 0 ? 500 : 202).end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.close();
});

/** A process that tracks one event, and does nothing for an hour if told to stay. */
const run = (stay: boolean, more = ''): ChildProcess => {
  const code = `
    import { SegOpsClient } from '${dist}index.mjs';
    import { closeOnExit } from '${dist}node.mjs';
    const segops = new SegOpsClient({ apiUrl: '${address}', apiKey: 'sk_live_x', flushIntervalMs: 3600000 });
    const undo = closeOnExit(segops);
    segops.track({ userId: 'u', eventType: 'e' });
    ${more}
    ${stay ? 'setTimeout(() => {}, 3600000);' : ''}
    console.log('ready');`;
  return spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
};

test('SIGTERM sends what is queued, and then ends the process as it always does', async () => {
  const child = run(true);
  await once(child.stdout as NonNullable<typeof child.stdout>, 'data');
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
  expect(received.length).toBe(1);
});

test('another listener for SIGTERM is left to decide', async () => {
  const child = run(
    true,
    "let asked = 0; process.on('SIGTERM', () => { asked++; setTimeout(() => process.exit(asked), 500); });",
  );
  await once(child.stdout as NonNullable<typeof child.stdout>, 'data');
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([1, null]);
});

test('what could not be sent yet is sent when a process has nothing left to do', async () => {
  failing = 2;
  const child = run(false, 'segops.flush();');
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(received.length).toBe(3);
});

test('a server that fails does not keep a process from ending', async () => {
  failing = 1_000;
  const child = run(false, 'undo(); segops.flush();');
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(received.length).toBeGreaterThan(0);
});

test('the hook can be taken back', async () => {
  const child = run(true, 'undo();');
  await once(child.stdout as NonNullable<typeof child.stdout>, 'data');
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
  expect(received).toEqual([]);
});

test('the script tag repeats the calls that were made before it was loaded', async () => {
  const { fetch, requests } = fakeFetch();
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const snippet = /<script>\n([\s\S]*?)<\/script>/.exec(readme)?.[1] ?? '';
  const scripts: { src?: string }[] = [];
  const page: Record<string, unknown> = {
    document: { createElement: () => ({}), head: { append: (script: object) => scripts.push(script) } },
  };
  page.window = page;
  runInNewContext(`${snippet}; segops.track({ eventType: 'early', userId: 'u' });`, page);
  expect(scripts).toMatchObject([{ async: true, src: expect.stringContaining('snippet.iife.js') }]);

  const { segops } = page as { segops: { o: object } };
  const globals = { ...page, segops, fetch, crypto, TextEncoder, AbortController, setTimeout, clearTimeout, Response };
  Object.assign(segops.o, { fetch, gzip: false });
  delete (globals as { window?: unknown }).window;
  runInNewContext(readFileSync(new URL('snippet.iife.js', dist), 'utf8'), globals);
  const loaded = globals.segops as unknown as { track: (call: object) => void; flush: () => Promise<void> };
  loaded.track({ eventType: 'late', userId: 'u' });
  await loaded.flush();
  expect(requests[0]?.body.batch.map((event) => event.event_type)).toEqual(['early', 'late']);
});
