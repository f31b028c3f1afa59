import { useQuery } from '@tanstack/react-query';
import { api, body } from '@/api/client';
import { usePages } from '@/components/table/pages';
import { segmentKey } from '../queries';

/** Read one version with its text and its sentence. */
export function readVersion(id: number, version: number) {
  return body(
    api.GET('/api/segments/{segment_id}/versions/{version}/', { params: { path: { segment_id: id, version } } }),
  );
}

/** Read the present definition. Its version is below that of the segment if only name, description or tags changed since. */
export async function readNewest(id: number) {
  const versions = await body(
    api.GET('/api/segments/{segment_id}/versions/', { params: { path: { segment_id: id }, query: { limit: 1 } } }),
  );
  const newest = versions.results[0];
  return newest === undefined ? null : readVersion(id, newest.version);
}

/** The versions, newest first, page by page. */
export function useVersions(id: number, current: number) {
  return usePages([...segmentKey(id), 'versions', current], (cursor) =>
    body(
      api.GET('/api/segments/{segment_id}/versions/', {
        params: { path: { segment_id: id }, query: { limit: 100, ...(cursor ? { cursor } : {}) } },
      }),
    ),
  );
}

export function useDiff(id: number, version: number) {
  return useQuery({
    queryKey: [...segmentKey(id), 'diff', version],
    queryFn: () =>
      body(
        api.GET('/api/segments/{segment_id}/versions/{version}/diff/', {
          params: { path: { segment_id: id, version } },
        }),
      ),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export function useVersion(id: number, version: number) {
  return useQuery({
    queryKey: [...segmentKey(id), 'version', version],
    queryFn: () => readVersion(id, version),
    staleTime: Number.POSITIVE_INFINITY,
  });
}
