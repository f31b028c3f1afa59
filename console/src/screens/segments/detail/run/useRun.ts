import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { api, body } from '@/api/client';
import { useStream } from '@/api/shared-stream';
import type { RunRead } from '@/api/types';
import { useRefreshSegment } from '../queries';
import { isFinal } from './progress';

const POLL_MS = 2_000;

export interface FollowedRun {
  run: RunRead | undefined;
  /** Whether changes arrive by the stream; otherwise the run is read every two seconds. */
  live: boolean;
}

/** Follow a run to its end: by its event stream, and by reading it while the stream is interrupted. */
export function useRun(segmentId: number, runId: string | null): FollowedRun {
  const cache = useQueryClient();
  const refresh = useRefreshSegment(segmentId);
  const key = ['segment-run', segmentId, runId];
  const final = isFinal(cache.getQueryData<RunRead>(key));
  const path = runId === null || final ? null : `/api/segments/${segmentId}/runs/${runId}/events/`;
  const live = useStream(path, (event) => cache.setQueryData(key, JSON.parse(event.data)));
  const { data: run } = useQuery({
    queryKey: key,
    queryFn: () =>
      body(
        api.GET('/api/segments/{segment_id}/runs/{run_id}/', {
          params: { path: { segment_id: segmentId, run_id: runId ?? '' } },
        }),
      ),
    enabled: runId !== null,
    refetchInterval: (query) => (live || isFinal(query.state.data) ? false : POLL_MS),
  });
  const ended = isFinal(run);
  useEffect(() => {
    if (ended) refresh();
  }, [ended, runId]);
  return { run, live: live || ended };
}
