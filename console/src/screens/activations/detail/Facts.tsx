import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { ActivationRead } from '@/api/types';
import { count, percent } from '@/components/format';
import { CodeBlock, Mono } from '@/components/Mono';
import { activations } from '@/strings/activations';
import classes from '../activations.module.css';
import { connectorOf, receiverOf } from '../receiver';

const words = activations.facts;

/** What an activation sends, and where. */
export function Facts({ activation, segment }: { activation: ActivationRead; segment: string }) {
  const { config, consent, max_change_share: share, description } = activation;
  const facts: Record<string, ReactNode> = {
    [words.segment]: (
      <Link to="/segments/$segmentId" params={{ segmentId: String(activation.segment) }}>
        {segment}
      </Link>
    ),
    [words.connector]: connectorOf(activation),
    [words.receiver]: 'url' in config ? <Mono>{config.url}</Mono> : receiverOf(activation),
    ...requestFacts(config),
    [words.share]: share === null ? words.onlyEmpty : words.shareOf(percent(share)),
    ...(consent ? { [words.consent]: words.consentOf(consent, count(activation.left_out)) } : {}),
    ...(description === '' ? {} : { [words.description]: description }),
  };
  return (
    <dl className={classes.facts} aria-label={words.title}>
      {Object.entries(facts).map(([name, value]) => (
        <Fact key={name} name={name}>
          {value}
        </Fact>
      ))}
    </dl>
  );
}

function requestFacts(config: ActivationRead['config']): Record<string, ReactNode> {
  if (!('url' in config)) return {};
  const events = { [words.events]: config.events.join(', ') };
  if (!('template' in config)) {
    return { ...events, [words.signed]: config.secret === null ? words.isUnsigned : words.isSigned };
  }
  return {
    ...events,
    [words.request]: words.requestOf(config.method, count(config.batch_size)),
    [words.template]: <CodeBlock label={words.template}>{JSON.stringify(config.template, null, 2)}</CodeBlock>,
  };
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
