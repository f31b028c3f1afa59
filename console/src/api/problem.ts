import type { Problem, ProblemFault } from './types';

/** A refused or failed request: what the server said, or that it did not answer. */
export class ApiProblem extends Error {
  override name = 'ApiProblem';

  constructor(
    readonly status: number,
    /** The last part of the problem's address, such as `slug-taken`; empty if nothing answered. */
    readonly type: string,
    message: string,
    readonly faults: readonly ProblemFault[] = [],
    readonly requestId: string | null = null,
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }

  /** Whether the same request may succeed a little later. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 502;
  }

  /** The detail of the fault at a field, such as `tenant_slug`. */
  at(field: string): string | null {
    return this.faults.find((fault) => fault.path === field || fault.path.endsWith(`.${field}`))?.detail ?? null;
  }
}

/** Read the problem document of a response; a response without one gets words of its own. */
export async function toProblem(response: Response): Promise<ApiProblem> {
  const requestId = response.headers.get('X-Request-Id');
  const retryAfter = Number(response.headers.get('Retry-After')) || null;
  try {
    const problem = (await response.json()) as Problem;
    const type = problem.type.split('/').filter(Boolean).pop() ?? '';
    return new ApiProblem(
      response.status,
      type,
      problem.detail || problem.title,
      problem.errors,
      requestId,
      retryAfter,
    );
  } catch {
    return new ApiProblem(
      response.status,
      '',
      `The server answered with status ${response.status}.`,
      [],
      requestId,
      retryAfter,
    );
  }
}

/** Return the problem for a request that got no answer at all. */
export function noAnswer(): ApiProblem {
  return new ApiProblem(0, '', 'The server did not answer. Check your connection; this page tries again by itself.');
}

/** Return an error as a problem, so that one component can show it. */
export function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  return new ApiProblem(0, '', error instanceof Error ? error.message : String(error));
}
