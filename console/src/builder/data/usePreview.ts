import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo, useRef } from 'react';
import { type ApiProblem, asProblem } from '@/api/problem';
import { type Fault, type LocatedFaults, locateIn, NO_FAULTS } from '../model/faults';
import { writeJson } from '../model/json';
import { evaluable } from '../model/request';
import type { GroupNode, NodeId } from '../model/tree';
import { sendJson } from './json-api';
import type { PreviewAnswer } from './types';

const WAIT_MS = 300;
const AGAIN_MS = 2_000;
/** An `as_of` is used again for this long, so that an edit reads only its own predicates. */
const SAME_INSTANT_MS = 45_000;

/** What a node does by itself. */
export interface Share {
  readonly kept: number;
  readonly dropped: number;
}

/** The exact count of the rules as they are now, or the last one while a new one is on its way. */
export interface Preview {
  readonly answer: PreviewAnswer | null;
  readonly shares: ReadonlyMap<NodeId, Share>;
  /** The answer is about an earlier state of the rules. */
  readonly isOld: boolean;
  readonly problem: ApiProblem | null;
  /** Errors of a refused preview, at their nodes. */
  readonly faults: LocatedFaults;
  /** Filters that do not fit the values that were seen. */
  readonly warnings: LocatedFaults;
  readonly unfinished: readonly NodeId[];
  /** Count again as of now. */
  readonly refresh: () => void;
}

interface Scope {
  readonly tenant: number;
  readonly segmentId: number | null;
}

/** Count the rules 300 ms after the last edit. A new edit aborts the count before it. */
export function usePreview(scope: Scope, tree: GroupNode): Preview {
  const now = useMemo(() => {
    const part = evaluable(tree);
    return { ...part, key: writeJson(part.definition) };
  }, [tree]);
  const [settled] = useDebouncedValue(now, WAIT_MS);
  const instant = useRef<{ asOf: string; at: number } | null>(null);
  const client = useQueryClient();
  const queryKey = ['builder', 'preview', scope.tenant, scope.segmentId, settled.key] as const;
  const query = useQuery({
    queryKey,
    queryFn: async ({ signal }) => {
      const asOf = recent(instant.current);
      const answer = await sendJson<PreviewAnswer>('/api/segments/preview/', body(scope, settled.definition, asOf), {
        signal,
      });
      if (asOf === null) instant.current = { asOf: answer.as_of, at: Date.now() };
      return answer;
    },
    placeholderData: keepPreviousData,
    staleTime: SAME_INSTANT_MS,
    refetchOnWindowFocus: false,
    refetchInterval: ({ state }) => (state.data && isUnsettled(state.data) ? AGAIN_MS : false),
  });
  const isOld = settled.key !== now.key || query.isPlaceholderData || query.isFetching;
  const shares = useShares(query.isPlaceholderData ? undefined : query.data, settled.paths);
  const error = query.error ?? query.failureReason;
  const problem = error && settled.key === now.key ? asProblem(error) : null;
  const faults = useMemo(
    () => (problem === null ? NO_FAULTS : locateIn(settled.paths, problem.faults as readonly Fault[])),
    [problem, settled],
  );
  const current = isOld ? undefined : query.data;
  const warnings = useMemo(
    () => (current === undefined ? NO_FAULTS : locateIn(settled.paths, current.warnings)),
    [current, settled],
  );
  return {
    answer: query.data ?? null,
    shares,
    isOld,
    problem,
    faults,
    warnings,
    unfinished: now.unfinished,
    refresh: () => {
      instant.current = null;
      void client.invalidateQueries({ queryKey });
    },
  };
}

function body(scope: Scope, definition: ReturnType<typeof evaluable>['definition'], asOf: string | null) {
  return {
    tenant: scope.tenant,
    definition,
    ...(scope.segmentId === null ? {} : { segment_id: scope.segmentId }),
    ...(asOf === null ? {} : { as_of: asOf }),
  };
}

function recent(instant: { asOf: string; at: number } | null): string | null {
  return instant !== null && Date.now() - instant.at < SAME_INSTANT_MS ? instant.asOf : null;
}

/** Return whether some events or people do not count yet. */
function isUnsettled(answer: PreviewAnswer): boolean {
  return answer.incomplete || answer.pending_profiles > 0;
}

/** Return the shares of the last answer by node: a node keeps its numbers while it moves. */
function useShares(answer: PreviewAnswer | undefined, paths: ReadonlyMap<NodeId, string>): ReadonlyMap<NodeId, Share> {
  const last = useRef<ReadonlyMap<NodeId, Share>>(new Map());
  return useMemo(() => {
    if (answer !== undefined) {
      const byPath = new Map(answer.per_condition.map((share) => [share.path, share]));
      last.current = new Map(
        [...paths].flatMap(([id, path]) => {
          const share = byPath.get(path);
          return share === undefined ? [] : [[id, share] as const];
        }),
      );
    }
    return last.current;
  }, [answer, paths]);
}
