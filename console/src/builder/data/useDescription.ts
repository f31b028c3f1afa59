import { useQuery } from '@tanstack/react-query';
import { writeJson } from '../model/json';
import { type GroupNode, writeTree } from '../model/tree';
import { sendJson } from './json-api';
import type { Description } from './types';

/** The definition in its other forms: as text and as an English sentence. */
export function useDescription(tree: GroupNode, enabled: boolean) {
  const definition = writeTree(tree);
  return useQuery({
    queryKey: ['builder', 'describe', writeJson(definition)],
    queryFn: ({ signal }) => describe({ definition }, signal),
    enabled,
    placeholderData: (before) => before,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** Return all forms of a definition that is given in one of them. Raise ApiProblem if it is not valid. */
export function describe(
  form: { definition: ReturnType<typeof writeTree> } | { text: string },
  signal?: AbortSignal,
): Promise<Description> {
  return sendJson<Description>('/api/segments/describe/', form, signal === undefined ? {} : { signal });
}
