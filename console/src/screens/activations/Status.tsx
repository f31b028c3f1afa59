import type { ActivationRead } from '@/api/types';
import { activations as words } from '@/strings/activations';
import classes from './activations.module.css';

type State = keyof typeof words.status;

/** Return what matters most about an activation: a decision that waits, then failures, then its status. */
export function stateOf({ status, held, failures }: ActivationRead): State {
  if (held !== null) return 'held';
  return status === 'active' && failures > 0 ? 'failing' : status;
}

/** A dot with a word. */
export function Status({ activation }: { activation: ActivationRead }) {
  const state = stateOf(activation);
  return (
    <span className={classes.status} data-status={state}>
      <i aria-hidden="true" />
      {words.status[state]}
    </span>
  );
}
