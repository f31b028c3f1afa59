import { Loader } from '@mantine/core';
import { duration } from '@/components/format';
import { CodeBlock } from '@/components/Mono';
import { onboarding } from '@/strings/onboarding';
import { Diagnosis } from './Diagnosis';
import type { FirstEvent } from './first-event';
import classes from './onboarding.module.css';
import { Step } from './Step';

/** Waits for the first event, shows it, and finds out why none arrives. */
export function WaitStep({ first }: { first: FirstEvent }) {
  const words = onboarding.wait;
  const { event, before, connected } = first;
  const done = event !== null || before === true;
  const waits = event === null && before === false;
  return (
    <Step number={3} title={words.title} done={done}>
      <div role="status" aria-live="polite">
        {event !== null && <Arrived first={first} />}
        {event === null && before && <p className="dim">{words.before}</p>}
        {waits && (
          <p className={classes.waiting}>
            <Loader size={14} /> {connected ? words.waiting : words.connecting}
          </p>
        )}
      </div>
      {event !== null && (
        <div className={classes.wide}>
          <CodeBlock label={words.json}>
            {JSON.stringify({ ...event, stored: first.storedAfter !== null }, null, 2)}
          </CodeBlock>
        </div>
      )}
      {waits && <Diagnosis />}
    </Step>
  );
}

function Arrived({ first: { event, storedAfter } }: { first: FirstEvent }) {
  const words = onboarding.wait;
  if (event === null) return null;
  return (
    <p className={classes.arrived}>
      <span className={classes.live} aria-hidden="true" />
      <strong>{words.by(event.event_type, event.user_id ?? event.anonymous_id ?? '')}</strong>
      <span className="dim">{storedAfter === null ? words.storing : words.stored(duration(storedAfter))}</span>
    </p>
  );
}
