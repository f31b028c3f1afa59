import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api, body } from '@/api/client';
import { useTenant } from '@/app/tenant';
import { usePages } from '@/components/table/pages';

const PAGE = 200;
const TRENDS_MS = 60_000;

/** A part of a name or of a description, or an id; and a tag. */
export interface SegmentFilter {
  q?: string | undefined;
  tag?: string | undefined;
}

/** Return the parts of a filter that select something. */
export function selecting({ q, tag }: SegmentFilter): { q?: string; tag?: string } {
  return { ...(q && { q }), ...(tag && { tag }) };
}

/** The segments of the tenant that pass the filter, page by page. */
export function useSegmentPages(given: SegmentFilter) {
  const { id: tenant } = useTenant();
  const filter = selecting(given);
  return usePages(['segments', tenant, 'list', filter], (cursor) =>
    body(
      api.GET('/api/segments/', {
        params: { query: { tenant, limit: PAGE, ...filter, ...(cursor ? { cursor } : {}) } },
      }),
    ),
  );
}

/** Sizes on the last 30 days, by segment id. The list works without them. */
export function useTrends(): ReadonlyMap<number, readonly number[]> {
  const { id: tenant } = useTenant();
  const { data } = useQuery({
    queryKey: ['segments', tenant, 'trends'],
    queryFn: () => body(api.GET('/api/analytics/segments/', { params: { query: { tenant } } })),
    staleTime: TRENDS_MS,
  });
  return useMemo(() => new Map((data ?? []).map(({ id, trend }) => [id, trend.map(({ count }) => count)])), [data]);
}
