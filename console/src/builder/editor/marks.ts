import { faultsAt, type NodeFault } from '../model/faults';
import type { NodeId } from '../model/tree';
import { type Fields, inside, useRows } from './context';

const NONE: readonly NodeFault[] = [];

/** Return the errors of a node that a person should see: gaps only after an attempt to save. */
export function useErrors(node: NodeId): readonly NodeFault[] {
  const { errors, showMissing } = useRows();
  const all = errors.get(node) ?? NONE;
  return showMissing ? all : all.filter(({ code }) => code !== 'required');
}

/** Return a function that says whether a field has an error. */
export function useMarks(fields: Fields): (name: string) => boolean {
  const errors = useErrors(fields.node);
  return (name) => faultsAt(errors, inside(fields.at, name)).length > 0;
}
