import { useQuery } from '@tanstack/react-query';
import { api, body } from '@/api/client';
import { useTenant } from '@/app/tenant';
import { usePages } from '@/components/table/pages';

/** Refused requests, the newest first. */
export function useRefused() {
  const tenant = useTenant();
  return usePages(['rejections', tenant.id], (cursor) =>
    body(
      api.GET('/api/explorer/rejections/', {
        params: { query: { tenant: tenant.id, ...(cursor === undefined ? {} : { cursor }) } },
      }),
    ),
  );
}

/** Accepted events that were not stored, the newest first. */
export function useLetters() {
  const tenant = useTenant();
  return usePages(['dead-letters', tenant.id], (cursor) =>
    body(
      api.GET('/api/explorer/dead-letters/', {
        params: { query: { tenant: tenant.id, ...(cursor === undefined ? {} : { cursor }) } },
      }),
    ),
  );
}

/** Event types, to complete what is typed. */
export function useTypeNames(): string[] {
  const tenant = useTenant();
  const query = useQuery({
    queryKey: ['event-types', tenant.id],
    queryFn: () => body(api.GET('/api/explorer/event-types/', { params: { query: { tenant: tenant.id } } })),
  });
  return query.data?.results.map(({ event_type }) => event_type) ?? [];
}
