import { type ApiProblem, asProblem } from '@/api/problem';

/** Return the problem of a form, unless each of its faults is shown at one of the named fields. */
export function unplaced(error: unknown, ...fields: string[]): ApiProblem | null {
  if (error === null || error === undefined) return null;
  const problem = asProblem(error);
  const placed = problem.faults.filter(({ path }) => fields.some((field) => isAt(path, field)));
  return problem.faults.length > 0 && placed.length === problem.faults.length ? null : problem;
}

/** Return what is wrong with a field of a form, also inside of a list. */
export function faultAt(error: unknown, field: string): string | null {
  if (error === null || error === undefined) return null;
  const faults = asProblem(error).faults.filter(({ path }) => isAt(path, field));
  return faults.length > 0 ? faults.map(({ detail }) => detail).join('; ') : null;
}

function isAt(path: string, field: string): boolean {
  return path.split(/[./[\]]+/).includes(field);
}
