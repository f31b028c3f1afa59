import { useEffect, useRef, useState } from 'react';
import { liveEvents, useStream } from '@/api/shared-stream';
import type { EventRead } from '@/api/types';
import { useTenant } from '@/app/tenant';
import { type EventFilters, passes } from './filters';

const RENDER_EVERY_MS = 250;
const MOST = 1_000;

export interface LiveEvents {
  /** Newest first, at most 1,000. */
  events: readonly EventRead[];
  /** How many arrived since it was paused. */
  waiting: number;
  connected: boolean;
  /** The server could not send all that was missed. */
  gap: boolean;
}

/** Follow the live events that pass the filters. Rendering is bundled, so that a busy stream stays readable. */
export function useLiveEvents(filters: EventFilters, active: boolean, paused: boolean): LiveEvents {
  const tenant = useTenant();
  const arrived = useRef<EventRead[]>([]);
  const [events, setEvents] = useState<readonly EventRead[]>([]);
  const [waiting, setWaiting] = useState(0);
  const [gap, setGap] = useState(false);
  const connected = useStream(active ? liveEvents(tenant.id) : null, ({ event, data }) => {
    if (event === 'gap') return setGap(true);
    const read = JSON.parse(data) as EventRead;
    if (passes(read, filters)) arrived.current = [read, ...arrived.current].slice(0, MOST);
  });
  useEffect(() => {
    const timer = setInterval(() => {
      setWaiting(paused ? arrived.current.length : 0);
      if (paused || arrived.current.length === 0) return;
      const newest = arrived.current;
      arrived.current = [];
      setEvents((old) => [...newest, ...old].slice(0, MOST));
    }, RENDER_EVERY_MS);
    return () => clearInterval(timer);
  }, [paused]);
  return { events, waiting, connected, gap };
}
