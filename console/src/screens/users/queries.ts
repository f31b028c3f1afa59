import { useQuery } from '@tanstack/react-query';
import { api, body } from '@/api/client';
import { asProblem } from '@/api/problem';
import type { Group, Node } from '@/api/types';
import { useTenant } from '@/app/tenant';
import { usePages } from '@/components/table/pages';

const AGAIN_MS = 2_000;

/** Users that match a search, ids that begin with it first. */
export function useUsers(search: { q?: string; trait?: string; value?: string }) {
  const tenant = useTenant();
  return usePages(['users', tenant.id, search], (cursor) =>
    body(
      api.GET('/api/explorer/users/', {
        params: { query: { tenant: tenant.id, ...search, ...(cursor === undefined ? {} : { cursor }) } },
      }),
    ),
  );
}

/** The profile of a user. */
export function useUser(userId: string) {
  const tenant = useTenant();
  return useQuery({
    queryKey: ['user', tenant.id, userId],
    queryFn: () =>
      body(
        api.GET('/api/explorer/users/{user_id}/', {
          params: { path: { user_id: userId }, query: { tenant: tenant.id } },
        }),
      ),
    // The first event of a user may not be stored yet.
    refetchInterval: ({ state }) => (state.error !== null && asProblem(state.error).status === 404 ? AGAIN_MS : false),
  });
}

/** The events of a user, the newest first. */
export function useUserEvents(userId: string, eventType: string | undefined) {
  const tenant = useTenant();
  return usePages(['user-events', tenant.id, userId, eventType], (cursor) =>
    body(
      api.GET('/api/explorer/users/{user_id}/events/', {
        params: {
          path: { user_id: userId },
          query: {
            tenant: tenant.id,
            limit: 100,
            ...(eventType === undefined ? {} : { event_type: eventType }),
            ...(cursor === undefined ? {} : { cursor }),
          },
        },
      }),
    ),
  );
}

/** The segments that a user is in, by the last run of each. */
export function useUserSegments(userId: string) {
  const tenant = useTenant();
  return useQuery({
    queryKey: ['user-segments', tenant.id, userId],
    queryFn: () =>
      body(
        api.GET('/api/explorer/users/{user_id}/segments/', {
          params: { path: { user_id: userId }, query: { tenant: tenant.id } },
        }),
      ),
  });
}

/** The same, each evaluated now, with when time alone changes it. It reads the user's events, so it takes longer. */
export function useUserForecasts(userId: string) {
  const tenant = useTenant();
  return useQuery({
    queryKey: ['user-segments', tenant.id, userId, 'forecast'],
    queryFn: () =>
      body(
        api.GET('/api/explorer/users/{user_id}/segments/', {
          params: { path: { user_id: userId }, query: { tenant: tenant.id, forecast: true } },
        }),
      ),
  });
}

/** Names of all segments, to choose one. */
export function useSegmentNames() {
  const tenant = useTenant();
  return useQuery({
    queryKey: ['palette', 'segments', tenant.id],
    queryFn: () => body(api.GET('/api/segments/', { params: { query: { tenant: tenant.id, limit: 1000 } } })),
    staleTime: 30_000,
  });
}

/** Why a user matches the present definition of a segment, or does not. */
export function useExplanation(userId: string, segmentId: number) {
  const tenant = useTenant();
  return useQuery({
    queryKey: ['explanation', tenant.id, userId, segmentId],
    queryFn: () =>
      body(
        api.POST('/api/segments/membership/explain/', {
          body: { tenant: tenant.id, user_id: userId, segment_id: segmentId },
        }),
      ),
  });
}

/** A segment with its definition. */
export function useSegment(segmentId: number) {
  return useQuery({
    queryKey: ['segment', segmentId],
    queryFn: () => body(api.GET('/api/segments/{segment_id}/', { params: { path: { segment_id: segmentId } } })),
    staleTime: 30_000,
  });
}

/** One condition in words, by the same rules as the sentence of a definition. */
export function useSentence(condition: Node | undefined) {
  return useQuery({
    queryKey: ['sentence', condition],
    queryFn: async () => {
      const definition = { logic: 'AND', conditions: [condition as Node] } satisfies Group;
      return (await body(api.POST('/api/segments/describe/', { body: { definition } }))).sentence;
    },
    enabled: condition !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  });
}
