import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import type { ActivationRead } from '@/api/types';
import { NotFound } from '@/app/NotFound';
import { useMay } from '@/app/tenant';
import { Screen } from '@/components/Screen';
import { QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import { activations as words } from '@/strings/activations';
import classes from '../activations.module.css';
import { useActivation, useDeliveries, useSegmentName } from '../queries';
import { Status } from '../Status';
import { Actions } from './Actions';
import { Deliveries } from './Deliveries';
import { Facts } from './Facts';
import { Failing } from './Failing';
import { Held } from './Held';
import { Notice } from './Notice';
import { TestOutcome } from './TestOutcome';

const ID = /^\d{1,15}$/;

/** One activation: what it sends and where, what waits, and every request of the last 30 days. */
export function Activation() {
  const { activationId } = useParams({ from: '/frame/settings/activations/$activationId' });
  return ID.test(activationId) ? <Opened id={Number(activationId)} /> : <NotFound />;
}

function Opened({ id }: { id: number }) {
  const query = useActivation(id);
  if (query.data !== undefined) return <Loaded key={id} activation={query.data} />;
  return (
    <Screen title={words.number(id)} above={<Back />}>
      <QueryState query={query}>{() => null}</QueryState>
    </Screen>
  );
}

function Back() {
  return (
    <>
      <Link to="/settings/$tab" params={{ tab: 'activations' }}>
        {words.back}
      </Link>{' '}
      /
    </>
  );
}

function Loaded({ activation }: { activation: ActivationRead }) {
  const member = useMay('member');
  const nameOf = useSegmentName();
  const log = useDeliveries(activation.id);
  const [test, setTest] = useState<string | null>(null);
  const [synced, setSynced] = useState(false);
  return (
    <Screen
      title={activation.description || nameOf(activation.segment)}
      above={<Back />}
      about={
        <>
          <Status activation={activation} /> · {words.facts.synced} <Time at={activation.last_synced_at} />
        </>
      }
      {...(member
        ? { actions: <Actions activation={activation} onTest={setTest} onSynced={() => setSynced(true)} /> }
        : {})}
      fill
    >
      <div className={classes.page}>
        {activation.held !== null && <Held activation={activation} held={activation.held} />}
        <Failing activation={activation} />
        {synced && (
          <Notice kind="done" onClose={() => setSynced(false)}>
            {words.synced}
          </Notice>
        )}
        {test !== null && <TestOutcome id={test} deliveries={log.rows} onClose={() => setTest(null)} />}
        <Facts activation={activation} segment={nameOf(activation.segment)} />
        <Deliveries log={log} extension={'format' in activation.config ? activation.config.format : ''} />
      </div>
    </Screen>
  );
}
