import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, body } from '@/api/client';
import { liveEvents, useStream } from '@/api/shared-stream';
import type { EventRead } from '@/api/types';

const POLL_MS = 200;
const RECENT = 20;

export interface FirstEvent {
  /** The first event that arrived while the page was open. */
  event: EventRead | null;
  /** Milliseconds from its arrival here until it could be read from the warehouse; null until then. */
  storedAfter: number | null;
  connected: boolean;
  /** Events had arrived before the page was opened; null until that is known. */
  before: boolean | null;
  beforeType: string | null;
}

interface Arrival {
  event: EventRead;
  /** On the clock of the page, in milliseconds. */
  at: number;
}

/** Return the events of the tenant that are stored, newest first. */
function recent(tenant: number) {
  return body(api.GET('/api/explorer/events/', { params: { query: { tenant, limit: RECENT } } }));
}

/** Measure how long an event takes from its arrival here until it is stored. */
function useStoredAfter(tenant: number, arrival: Arrival | null): number | null {
  const { data } = useQuery({
    queryKey: ['first-event', tenant, arrival?.event.message_id],
    queryFn: async () => {
      const { results } = await recent(tenant);
      const stored = results.some(({ message_id }) => message_id === arrival?.event.message_id);
      return stored && arrival ? performance.now() - arrival.at : null;
    },
    enabled: arrival !== null,
    refetchInterval: (query) => (typeof query.state.data === 'number' ? false : POLL_MS),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return data ?? null;
}

/** Wait for the first event of a tenant, live. */
export function useFirstEvent(tenant: number): FirstEvent {
  const [arrival, setArrival] = useState<Arrival | null>(null);
  const connected = useStream(liveEvents(tenant), (message) => {
    if (message.event !== 'event' || arrival !== null) return;
    setArrival({ event: JSON.parse(message.data) as EventRead, at: performance.now() });
  });
  const before = useQuery({ queryKey: ['any-event', tenant], queryFn: () => recent(tenant), staleTime: 60_000 });
  const storedAfter = useStoredAfter(tenant, arrival);
  const newest = before.data?.results[0];
  return {
    event: arrival?.event ?? null,
    storedAfter,
    connected,
    before: before.data === undefined ? null : newest !== undefined,
    beforeType: newest?.event_type ?? null,
  };
}
