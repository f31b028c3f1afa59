import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api, body } from '@/api/client';
import type { RejectionRead } from '@/api/types';
import { useTenant } from '@/app/tenant';
import { usePages } from '@/components/table/pages';

/** The event schemas of the open tenant. */
export function useSchemas() {
  const tenant = useTenant();
  return usePages(['schemas', tenant.id], (cursor) =>
    body(
      api.GET('/api/schemas/', {
        params: { query: { tenant: tenant.id, ...(cursor === undefined ? {} : { cursor }) } },
      }),
    ),
  );
}

/** Return a function that reads the schemas again. */
export function useSchemasChanged(): () => Promise<void> {
  const cache = useQueryClient();
  return () => cache.invalidateQueries({ queryKey: ['schemas'] });
}

/** What violated schemas in the last seven days, by event type. */
export function useViolations(): ReadonlyMap<string, readonly RejectionRead[]> {
  const tenant = useTenant();
  const { data } = useQuery({
    queryKey: ['violations', tenant.id],
    queryFn: () =>
      body(api.GET('/api/explorer/rejections/', { params: { query: { tenant: tenant.id, limit: 1000 } } })),
  });
  const entries = data?.results ?? [];
  const types = new Set(entries.map(({ event_type }) => event_type));
  return new Map([...types].map((type) => [type, entries.filter(({ event_type }) => event_type === type)]));
}
