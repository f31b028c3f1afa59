import { useQuery } from '@tanstack/react-query';
import { api, body } from '@/api/client';
import { useTenant } from '@/app/tenant';
import { usePages } from '@/components/table/pages';
import type { EventFilters } from './live/filters';

const VOLUME_EVERY_MS = 15_000;

/** The event types of the tenant with their events in each of the last 24 hours. */
export function useEventTypes() {
  const tenant = useTenant();
  return useQuery({
    queryKey: ['event-types', tenant.id],
    queryFn: () => body(api.GET('/api/explorer/event-types/', { params: { query: { tenant: tenant.id } } })),
    refetchInterval: VOLUME_EVERY_MS,
  });
}

/** Stored events that pass the filters, the newest first. */
export function useStoredEvents(filters: EventFilters) {
  const tenant = useTenant();
  return usePages(['events', tenant.id, filters], (cursor) =>
    body(
      api.GET('/api/explorer/events/', {
        params: { query: { tenant: tenant.id, limit: 100, ...filters, ...(cursor === undefined ? {} : { cursor }) } },
      }),
    ),
  );
}

/** The properties in the newest events of a type. */
export function useProperties(eventType: string) {
  const tenant = useTenant();
  return useQuery({
    queryKey: ['properties', tenant.id, eventType],
    queryFn: () =>
      body(api.GET('/api/explorer/properties/', { params: { query: { tenant: tenant.id, event_type: eventType } } })),
  });
}
