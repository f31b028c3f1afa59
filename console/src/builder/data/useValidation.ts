import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { type LocatedFaults, locate, NO_FAULTS, onUnchanged } from '../model/faults';
import { writeJson } from '../model/json';
import { type GroupNode, writeTree } from '../model/tree';
import { sendJson } from './json-api';
import type { ValidationReport } from './types';

const WAIT_MS = 500;
const AGAIN_MS = 5_000;

export interface Validation {
  readonly errors: LocatedFaults;
  readonly warnings: LocatedFaults;
}

const NOTHING: Validation = { errors: NO_FAULTS, warnings: NO_FAULTS };

/** Check the rules after an edit: errors, and warnings about what looks like a mistake, at their nodes. */
export function useValidation(tenant: number, segmentId: number | null, tree: GroupNode): Validation {
  const [settled] = useDebouncedValue(tree, WAIT_MS);
  const definition = useMemo(() => writeTree(settled), [settled]);
  const query = useQuery({
    queryKey: ['builder', 'validate', tenant, segmentId, writeJson(definition)],
    queryFn: ({ signal }) =>
      sendJson<ValidationReport>(
        '/api/segments/validate/',
        { tenant, definition, ...(segmentId === null ? {} : { segment_id: segmentId }) },
        { signal },
      ),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    refetchOnWindowFocus: false,
    // The events could not be read in time: warnings about them come with a later answer.
    refetchInterval: ({ state }) => (state.data?.observed === false ? AGAIN_MS : false),
  });
  return useMemo(() => {
    if (query.data === undefined || query.isPlaceholderData) return NOTHING;
    const unchanged = (faults: LocatedFaults) => onUnchanged(faults, settled, tree);
    return {
      errors: unchanged(locate(settled, query.data.errors)),
      warnings: unchanged(locate(settled, query.data.warnings)),
    };
  }, [query.data, query.isPlaceholderData, settled, tree]);
}
