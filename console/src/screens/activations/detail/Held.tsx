import { Button } from '@mantine/core';
import { useState } from 'react';
import { api, body } from '@/api/client';
import type { ActivationRead } from '@/api/types';
import { useMay } from '@/app/tenant';
import { Confirm } from '@/components/Confirm';
import { count } from '@/components/format';
import { activations } from '@/strings/activations';
import { useShowActivation } from '../queries';
import { Notice } from './Notice';

type Hold = NonNullable<ActivationRead['held']>;

const words = activations.held;

/** A run whose changes wait, and the two ways to decide. */
export function Held({ activation, held }: { activation: ActivationRead; held: Hold }) {
  const member = useMay('member');
  const [asked, setAsked] = useState<'approve' | 'discard' | null>(null);
  const buttons = (
    <>
      <Button onClick={() => setAsked('approve')}>{words.approve}</Button>
      <Button variant="default" onClick={() => setAsked('discard')}>
        {words.discard}
      </Button>
    </>
  );
  const [entered, exited] = [count(held.entered), count(held.exited)];
  return (
    <>
      <Notice kind="held" {...(member ? { actions: buttons } : {})}>
        <strong>{words.title(held.run_id)}</strong>{' '}
        {words.reasons[held.reason](count(held.size_before), count(held.size))} {words.changes(entered, exited)}
      </Notice>
      <Decision asked={asked} id={activation.id} held={held} onClose={() => setAsked(null)} />
    </>
  );
}

interface DecisionProps {
  asked: 'approve' | 'discard' | null;
  id: number;
  held: Hold;
  onClose: () => void;
}

function Decision({ asked, id, held, onClose }: DecisionProps) {
  const show = useShowActivation();
  if (asked === null) return null;
  const params = { params: { path: { activation_id: id } } };
  const isApproval = asked === 'approve';
  const decide = async () => {
    const call = isApproval
      ? api.POST('/api/activations/{activation_id}/approve/', params)
      : api.POST('/api/activations/{activation_id}/discard/', params);
    show(await body(call));
  };
  return (
    <Confirm
      opened
      onClose={onClose}
      title={isApproval ? words.approveTitle : words.discardTitle}
      action={words[asked]}
      onConfirm={decide}
      {...(isApproval ? { color: 'accent' } : {})}
    >
      {isApproval ? words.approveEffect(count(held.entered), count(held.exited)) : words.discardEffect}
    </Confirm>
  );
}
