import type { DeliveryRead } from '@/api/types';
import { duration } from '@/components/format';
import { Detail } from '@/components/ProblemText';
import { activations as words } from '@/strings/activations';
import { Notice } from './Notice';

interface TestOutcomeProps {
  /** The id of the test delivery. */
  id: string;
  deliveries: readonly DeliveryRead[];
  onClose: () => void;
}

/** Whether the receiver has confirmed the test, as soon as the log has it. */
export function TestOutcome({ id, deliveries, onClose }: TestOutcomeProps) {
  const delivery = deliveries.find(({ delivery_id }) => delivery_id === id);
  if (delivery === undefined) return <Notice kind="waits">{words.testing}</Notice>;
  const isSuccess = delivery.status === 'succeeded';
  return (
    <Notice kind={isSuccess ? 'done' : 'failed'} onClose={onClose}>
      {isSuccess ? (
        words.tested(duration(delivery.duration_ms))
      ) : (
        <Detail>{words.testFailed(delivery.error ?? words.log.noAnswer)}</Detail>
      )}
    </Notice>
  );
}
