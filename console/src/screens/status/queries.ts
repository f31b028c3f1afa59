import { useQuery } from '@tanstack/react-query';
import { api, body } from '@/api/client';
import { useTenant } from '@/app/tenant';

const EVERY_MS = 5_000;

/** The status that the dot of the frame shows as well: the same query, read once for both. */
export function useStatus() {
  const tenant = useTenant();
  return useQuery({
    queryKey: ['status', tenant.id],
    queryFn: () => body(api.GET('/api/status/', { params: { query: { tenant: tenant.id } } })),
    refetchInterval: EVERY_MS,
  });
}

/** The newest refused requests. */
export function useRejections() {
  const tenant = useTenant();
  return useQuery({
    queryKey: ['rejections', 'newest', tenant.id],
    queryFn: () =>
      body(api.GET('/api/explorer/rejections/', { params: { query: { tenant: tenant.id, limit: 1000 } } })),
    refetchInterval: EVERY_MS * 2,
  });
}
