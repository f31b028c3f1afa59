/**
 * One connection for all tabs of a browser. The tab that holds the lock of a stream reads it and broadcasts each event;
 * the others listen. When it is closed, the lock passes to another tab, which goes on after the last event.
 */
import { useEffect, useRef, useState } from 'react';
import { withLock } from './browser';
import { follow, type StreamEvent } from './stream';

type Message = { kind: 'event'; event: StreamEvent } | { kind: 'connected'; connected: boolean } | { kind: 'hello' };

interface Listener {
  onEvent: (event: StreamEvent) => void;
  onConnected: (connected: boolean) => void;
}

class SharedStream {
  private readonly listeners = new Set<Listener>();
  private readonly channel: BroadcastChannel;
  private readonly stop = new AbortController();
  private connected = false;
  private leads = false;
  private lastId = '';

  constructor(path: string) {
    this.channel = new BroadcastChannel(`segops.stream:${path}`);
    this.channel.onmessage = (message: MessageEvent<Message>) => this.receive(message.data);
    this.channel.postMessage({ kind: 'hello' } satisfies Message);
    withLock(`segops.stream:${path}`, () => this.lead(path), this.stop.signal).catch(() => undefined);
  }

  add(listener: Listener): void {
    this.listeners.add(listener);
    listener.onConnected(this.connected);
  }

  remove(listener: Listener): boolean {
    this.listeners.delete(listener);
    return this.listeners.size === 0;
  }

  close(): void {
    this.stop.abort();
    this.channel.close();
  }

  private async lead(path: string): Promise<void> {
    this.leads = true;
    await follow(
      path,
      this.stop.signal,
      (event) => this.pass({ kind: 'event', event }),
      (connected) => this.pass({ kind: 'connected', connected }),
      this.lastId,
    ).catch(() => this.pass({ kind: 'connected', connected: false }));
  }

  private pass(message: Message): void {
    if (this.stop.signal.aborted) return;
    this.channel.postMessage(message);
    this.receive(message);
  }

  private receive(message: Message): void {
    if (message.kind === 'hello') {
      if (this.leads) this.channel.postMessage({ kind: 'connected', connected: this.connected } satisfies Message);
      return;
    }
    if (message.kind === 'event') this.lastId = message.event.id || this.lastId;
    if (message.kind === 'connected') this.connected = message.connected;
    for (const listener of this.listeners) {
      if (message.kind === 'event') listener.onEvent(message.event);
      else listener.onConnected(message.connected);
    }
  }
}

const streams = new Map<string, SharedStream>();

function join(path: string, listener: Listener): () => void {
  const stream = streams.get(path) ?? new SharedStream(path);
  streams.set(path, stream);
  stream.add(listener);
  return () => {
    if (!stream.remove(listener)) return;
    stream.close();
    streams.delete(path);
  };
}

/** Follow a stream of the API while a component is shown; null follows nothing. Return whether it is connected. */
export function useStream(path: string | null, onEvent: (event: StreamEvent) => void): boolean {
  const [connected, setConnected] = useState(false);
  const handler = useRef(onEvent);
  useEffect(() => {
    handler.current = onEvent;
  });
  useEffect(() => {
    if (path === null) return undefined;
    return join(path, { onEvent: (event) => handler.current(event), onConnected: setConnected });
  }, [path]);
  return connected;
}

/** The address of the live events of a tenant. One address for all screens, so that they share one connection. */
export function liveEvents(tenant: number): string {
  return `/api/explorer/events/stream/?tenant=${tenant}&timeout=900`;
}
