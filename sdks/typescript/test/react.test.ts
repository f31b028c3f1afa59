// @vitest-environment happy-dom
import { act, createElement, type ReactNode, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { beforeEach, expect, test, vi } from 'vitest';
import {
  type LoadSegments,
  type Segments,
  SegOpsProvider,
  useSegments,
  useSegOps,
  useTrack,
  useUser,
} from '../src/react.ts';
import { recordingClient } from '../src/testing.ts';

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
});

/** Keeps in `seen` what a hook returned each time. */
const Part = ({ useIt, seen, userId }: { useIt: (userId: string) => unknown; seen: unknown[]; userId: string }) => {
  seen.push(useIt(userId));
  return null;
};

const mount = async <Seen>(useIt: (userId: string) => Seen, loadSegments?: LoadSegments) => {
  const { client, events } = recordingClient();
  const seen: Seen[] = [];
  const root = createRoot(document.createElement('div'));
  const render = (userId: string): Promise<void> => {
    const part: ReactNode = createElement(Part, { useIt, seen, userId });
    return act(async () =>
      root.render(createElement(StrictMode, null, createElement(SegOpsProvider, { client, loadSegments }, part))),
    );
  };
  await render('user-1');
  return { seen, events, render, unmount: () => act(async () => root.unmount()) };
};

test('useTrack sends through the client, and stays the same function', async () => {
  const { seen, events, render } = await mount(() => useTrack<{ bought: { total: number } }>());
  await render('user-2');
  seen[0]?.('bought', { total: 1 });
  expect(new Set(seen).size).toBe(1);
  expect(events).toMatchObject([{ type: 'track', event_type: 'bought', payload: { total: 1 } }]);
});

test('useSegOps and useUser call the client', async () => {
  const { seen, events, render } = await mount(() => ({ client: useSegOps(), ...useUser() }));
  await render('user-2');
  expect(new Set(seen.map(({ setUser }) => setUser)).size).toBe(1);
  seen[0]?.setUser('ada', { plan: 'pro' });
  seen[0]?.client.track({ userId: 'ada', eventType: 'seen' });
  seen[0]?.reset();
  expect(events).toMatchObject([
    { type: 'identify', user_id: 'ada', traits: { plan: 'pro' } },
    { type: 'track', event_type: 'seen' },
  ]);
});

test('useSegments loads again for another user', async () => {
  const answers = [[1], [1], [2]];
  const { seen, render, unmount } = await mount(useSegments, async () => answers.shift() ?? []);
  const last = () => seen.at(-1) as Segments;
  expect(seen[0]).toMatchObject({ segmentIds: undefined, error: undefined });
  expect(seen[0]?.isIn(1)).toBe(false);
  expect(last().segmentIds).toEqual([1]);
  expect(last().isIn(1)).toBe(true);
  await render('user-2');
  expect(last().segmentIds).toEqual([2]);
  await unmount();
});

test('useSegments tells a failure', async () => {
  const failure = new Error('no network');
  const { seen } = await mount(useSegments, () => Promise.reject(failure));
  expect(seen.at(-1)).toMatchObject({ segmentIds: undefined, error: failure });
});

test('an answer for a user who is gone is not shown', async () => {
  const waiting: ((segmentIds: number[]) => void)[] = [];
  const { seen, render } = await mount(useSegments, () => new Promise((resolve) => waiting.push(resolve)));
  await render('user-2');
  await act(async () => {
    for (const [index, resolve] of [...waiting.entries()].reverse()) resolve([index]);
  });
  expect(seen.at(-1)?.segmentIds).toEqual([waiting.length - 1]);
});

const Server = () => {
  useTrack();
  return useSegments().segmentIds ?? 'unknown';
};

test('it renders on a server, and says when the provider is missing', () => {
  const { client } = recordingClient();
  expect(renderToString(createElement(SegOpsProvider, { client }, createElement(Server)))).toBe('unknown');
  expect(() => renderToString(createElement(Server))).toThrow('SegOpsProvider is missing');
});
