import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, body } from '@/api/client';

const COMPUTING_MS = 2_000;
const IDLE_MS = 15_000;

/** All that was read about one segment begins with this key. */
export const segmentKey = (id: number) => ['segment', id] as const;

/** The segment, read again every few seconds while it is computed. */
export function useSegment(id: number) {
  return useQuery({
    queryKey: [...segmentKey(id), 'detail'],
    queryFn: () => body(api.GET('/api/segments/{segment_id}/', { params: { path: { segment_id: id } } })),
    refetchInterval: (query) => (query.state.data?.status === 'computing' ? COMPUTING_MS : IDLE_MS),
  });
}

/** The newest runs. */
export function useRuns(id: number) {
  return useQuery({
    queryKey: [...segmentKey(id), 'runs'],
    queryFn: () =>
      body(api.GET('/api/segments/{segment_id}/runs/', { params: { path: { segment_id: id }, query: { limit: 20 } } })),
    refetchInterval: IDLE_MS,
  });
}

/** Read again all that a change of the segment may have changed. */
export function useRefreshSegment(id: number): () => void {
  const cache = useQueryClient();
  return () => {
    void cache.invalidateQueries({ queryKey: segmentKey(id) });
    void cache.invalidateQueries({ queryKey: ['segments'] });
  };
}

/** Request a run. */
export function useCompute(id: number) {
  const refresh = useRefreshSegment(id);
  return useMutation({
    mutationFn: () => body(api.POST('/api/segments/{segment_id}/compute/', { params: { path: { segment_id: id } } })),
    onSettled: refresh,
  });
}
