import { QueryClient } from '@tanstack/react-query';
import { ApiProblem } from './problem';

const LONGEST_WAIT_MS = 10_000;

/** A refusal is final. What passes by itself is tried again until it works, so that screens recover alone. */
function retry(_failures: number, error: unknown): boolean {
  return error instanceof ApiProblem && error.passing;
}

function retryDelay(failures: number, error: unknown): number {
  const asked = error instanceof ApiProblem ? (error.retryAfter ?? 0) * 1000 : 0;
  return Math.min(Math.max(asked, 500 * 2 ** failures), LONGEST_WAIT_MS);
}

/** The cache of all that was read from the API. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: { retry, retryDelay, staleTime: 5_000, refetchOnWindowFocus: true },
    mutations: { retry: false },
  },
});
