import { useQuery } from '@tanstack/react-query';
import { api, body } from '@/api/client';
import { useTenant } from '@/app/tenant';

/** The numbers of the tenant. */
export function useOverview() {
  const tenant = useTenant();
  return useQuery({
    queryKey: ['analytics', 'overview', tenant.id],
    queryFn: () => body(api.GET('/api/analytics/overview/', { params: { query: { tenant: tenant.id } } })),
  });
}

/** Every segment with its size on each of the last 30 days. */
export function useTrends() {
  const tenant = useTenant();
  return useQuery({
    queryKey: ['analytics', 'segments', tenant.id],
    queryFn: () => body(api.GET('/api/analytics/segments/', { params: { query: { tenant: tenant.id } } })),
  });
}

/** The pairs of segments with the most common members. */
export function useOverlaps() {
  const tenant = useTenant();
  return useQuery({
    queryKey: ['analytics', 'overlap', tenant.id],
    queryFn: () => body(api.GET('/api/analytics/overlap/', { params: { query: { tenant: tenant.id } } })),
  });
}

/** Every activation with its last deliveries. */
export function useActivationFigures() {
  const tenant = useTenant();
  return useQuery({
    queryKey: ['analytics', 'activations', tenant.id],
    queryFn: () => body(api.GET('/api/analytics/activations/', { params: { query: { tenant: tenant.id } } })),
  });
}

/** What the tenant sent on each day, and what it stores. */
export function useUsage(days: number) {
  const tenant = useTenant();
  return useQuery({
    queryKey: ['analytics', 'usage', tenant.id, days],
    queryFn: () => body(api.GET('/api/analytics/usage/', { params: { query: { tenant: tenant.id, days } } })),
  });
}
