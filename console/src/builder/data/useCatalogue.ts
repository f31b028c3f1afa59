import { useQuery } from '@tanstack/react-query';
import { api, body } from '@/api/client';
import type { SegmentRead } from '@/api/types';
import type { SegmentList } from './types';

const FRESH_MS = 60_000;
const IDENTIFY = '$identify';

/** The event types that the tenant sends, the most frequent first. */
export function useEventTypes(tenant: number) {
  return useQuery({
    queryKey: ['builder', 'event-types', tenant],
    queryFn: ({ signal }) => body(api.GET('/api/explorer/event-types/', { params: { query: { tenant } }, signal })),
    select: (list) => list.results,
    staleTime: FRESH_MS,
  });
}

/** The properties of an event type with their frequent values; those of `$identify` are traits. */
export function useProperties(tenant: number, eventType: string | null, enabled: boolean) {
  const isExact = eventType !== null && (!eventType.endsWith('*') || eventType.endsWith('\\*'));
  const name = (eventType ?? IDENTIFY).replaceAll('\\*', '*');
  return useQuery({
    queryKey: ['builder', 'properties', tenant, name],
    queryFn: ({ signal }) =>
      body(api.GET('/api/explorer/properties/', { params: { query: { tenant, event_type: name } }, signal })),
    select: (list) => list.results,
    enabled: enabled && (eventType === null || isExact),
    staleTime: FRESH_MS,
  });
}

/** All segments of the tenant, for conditions that refer to one. */
export function useSegments(tenant: number, enabled: boolean) {
  return useQuery({
    queryKey: ['builder', 'segments', tenant],
    queryFn: ({ signal }) => allSegments(tenant, signal),
    enabled,
    staleTime: FRESH_MS,
  });
}

async function allSegments(tenant: number, signal: AbortSignal): Promise<SegmentRead[]> {
  const segments: SegmentRead[] = [];
  let cursor: string | null = null;
  do {
    const page: SegmentList = await body(
      api.GET('/api/segments/', { params: { query: { tenant, limit: 1000, ...(cursor && { cursor }) } }, signal }),
    );
    segments.push(...page.results);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return segments;
}
