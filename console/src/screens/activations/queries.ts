import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api, body } from '@/api/client';
import type { ActivationRead } from '@/api/types';
import { useTenant } from '@/app/tenant';
import { usePages } from '@/components/table/pages';
import { activations as words } from '@/strings/activations';

const POLL_MS = 2_000;
const NAMES_MS = 30_000;

/** The activations of the open tenant, or of one of its segments. */
export function useActivations(segment?: number) {
  const tenant = useTenant();
  return usePages(
    ['activations', tenant.id, segment ?? null],
    (cursor) =>
      body(
        api.GET('/api/activations/', {
          params: {
            query: {
              tenant: tenant.id,
              ...(segment === undefined ? {} : { segment }),
              ...(cursor === undefined ? {} : { cursor }),
            },
          },
        }),
      ),
    POLL_MS,
  );
}

/** One activation, read again while it is open: deliveries change it. */
export function useActivation(id: number) {
  return useQuery({
    queryKey: ['activations', 'one', id],
    queryFn: () => body(api.GET('/api/activations/{activation_id}/', { params: { path: { activation_id: id } } })),
    refetchInterval: POLL_MS,
  });
}

/** The requests of an activation, newest first. */
export function useDeliveries(id: number) {
  return usePages(
    ['activations', 'log', id],
    (cursor) =>
      body(
        api.GET('/api/activations/{activation_id}/logs/', {
          params: { path: { activation_id: id }, query: cursor === undefined ? {} : { cursor } },
        }),
      ),
    POLL_MS,
  );
}

/** Return a function that reads all about activations again. */
export function useActivationsChanged(): () => Promise<void> {
  const cache = useQueryClient();
  return () => cache.invalidateQueries({ queryKey: ['activations'] });
}

/** Return a function that shows an activation as the API has just returned it. */
export function useShowActivation(): (activation: ActivationRead) => void {
  const cache = useQueryClient();
  return (activation) => {
    cache.setQueryData(['activations', 'one', activation.id], activation);
    void cache.invalidateQueries({ queryKey: ['activations'] });
  };
}

/** The segments that can be chosen, with their names. */
export function useSegmentChoices(): readonly { value: string; label: string }[] {
  const { id: tenant } = useTenant();
  const { data } = useQuery({
    queryKey: ['segments', tenant, 'choices'],
    queryFn: () => body(api.GET('/api/segments/', { params: { query: { tenant, limit: 1000 } } })),
    staleTime: NAMES_MS,
  });
  return useMemo(() => (data?.results ?? []).map(({ id, name }) => ({ value: String(id), label: name })), [data]);
}

/** Return a function that names a segment by its id. */
export function useSegmentName(): (id: number) => string {
  const choices = useSegmentChoices();
  const names = useMemo(() => new Map(choices.map(({ value, label }) => [value, label])), [choices]);
  return (id) => names.get(String(id)) ?? words.unnamed(id);
}
