import type { ActivationRead } from '@/api/types';
import { count } from '@/components/format';
import { Detail } from '@/components/ProblemText';
import { activations } from '@/strings/activations';
import { Notice } from './Notice';

const words = activations.failing;

/** That deliveries fail, why, and what happens next. */
export function Failing({ activation }: { activation: ActivationRead }) {
  const { status, failures, last_error: error } = activation;
  const isDisabled = status === 'disabled';
  if (!isDisabled && (status !== 'active' || failures === 0)) return null;
  return (
    <Notice kind="failed">
      <strong>{isDisabled ? words.disabled : words.title(count(failures))}</strong>{' '}
      {error !== null && <Detail>{`${error}.`}</Detail>} {isDisabled ? words.disabledHelp : words.again}
    </Notice>
  );
}
