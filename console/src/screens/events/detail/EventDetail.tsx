import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { EventRead } from '@/api/types';
import { duration } from '@/components/format';
import { Icon } from '@/components/icons';
import { CodeBlock, Mono } from '@/components/Mono';
import { Time } from '@/components/Time';
import { events as strings } from '@/strings/events';
import classes from '../events.module.css';
import { type Leaf, leaves, searchFor, shown } from './payload';

const words = strings.detail;

/** A name and its value in a list of facts. */
export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={classes.fact}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function UserFact({ name, id }: { name: string; id: string | null }) {
  if (id === null) return null;
  return (
    <Fact name={name}>
      <Link to="/users/$userId" params={{ userId: id }}>
        {id}
      </Link>
    </Fact>
  );
}

/** Everything about one event: ids, times, payload. Each value finds the events that have it, too. */
export function EventDetail({ event }: { event: EventRead }) {
  const delay = Date.parse(event.received_at) - Date.parse(event.occurred_at);
  return (
    <div className={classes.detail}>
      <dl className={classes.facts}>
        <Fact name={strings.type}>
          <Link to="/events" search={{ event_type: event.event_type }}>
            {event.event_type}
          </Link>
        </Fact>
        <UserFact name={words.user} id={event.user_id} />
        <UserFact name={words.anonymous} id={event.anonymous_id} />
        <Fact name={words.occurred}>
          <Time at={event.occurred_at} long />
        </Fact>
        <Fact name={words.received}>
          <Time at={event.received_at} long /> {delay > 0 && <span className="dim">+{duration(delay)}</span>}
        </Fact>
        {event.original_timestamp !== null && (
          <Fact name={words.original}>
            <span title={words.originalHelp}>
              <Time at={event.original_timestamp} long />
            </span>
          </Fact>
        )}
        <Fact name={words.messageId}>
          <Mono label={words.copy}>{event.message_id}</Mono>
        </Fact>
      </dl>
      <Payload event={event} />
      <h3>{words.json}</h3>
      <CodeBlock label={words.json}>{JSON.stringify(event, null, 2)}</CodeBlock>
    </div>
  );
}

function Payload({ event }: { event: EventRead }) {
  const title = event.event_type === '$identify' ? words.traits : words.payload;
  if (event.payload === null) return <p className="dim">{strings.noPayload}</p>;
  const values = leaves(event.payload);
  return (
    <>
      <h3>{title}</h3>
      {values.length === 0 && <p className="dim">{words.empty}</p>}
      <dl className={classes.facts}>
        {values.map((leaf) => (
          <Fact key={leaf.path} name={leaf.path}>
            <code className={classes.value}>{shown(leaf.value)}</code>
            <SameValue leaf={leaf} eventType={event.event_type} />
          </Fact>
        ))}
      </dl>
    </>
  );
}

function SameValue({ leaf, eventType }: { leaf: Leaf; eventType: string }) {
  const search = searchFor(leaf);
  if (search === null) return null;
  const label = words.same(`${leaf.path} = ${shown(leaf.value)}`);
  return (
    <Link to="/events" search={{ event_type: eventType, q: search }} aria-label={label} title={label}>
      <Icon name="filter" size={12} />
    </Link>
  );
}
