import { ActionIcon } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { PropertyRead } from '@/api/types';
import { count, percent } from '@/components/format';
import { Icon } from '@/components/icons';
import { Empty, QueryState } from '@/components/states';
import { events as strings } from '@/strings/events';
import { searchFor, shown } from '../detail/payload';
import classes from '../events.module.css';
import { useProperties } from '../queries';

const words = strings.properties;

/** The properties of an event type with their most frequent values. A value shows the events that have it. */
export function Properties({ eventType, onClose }: { eventType: string; onClose: () => void }) {
  const query = useProperties(eventType);
  return (
    <section className={classes.side} aria-label={words.title(eventType)}>
      <header>
        <h2>{words.title(eventType)}</h2>
        <ActionIcon onClick={onClose} aria-label={words.close}>
          <Icon name="close" size={14} />
        </ActionIcon>
      </header>
      <QueryState
        query={query}
        empty={{
          when: ({ results }) => results.length === 0,
          show: <Empty title={words.emptyTitle}>{words.empty}</Empty>,
        }}
      >
        {({ results, sampled_events }) => (
          <>
            <p className="dim small">
              {words.sampled(count(sampled_events))} ·{' '}
              <Link to="/events" search={{ event_type: eventType }}>
                {words.seeEvents}
              </Link>
            </p>
            {results.map((property) => (
              <Property key={property.path} property={property} eventType={eventType} />
            ))}
          </>
        )}
      </QueryState>
    </section>
  );
}

function Property({ property, eventType }: { property: PropertyRead; eventType: string }) {
  return (
    <div className={classes.property}>
      <div className={classes.propertyHead}>
        <code>{property.path}</code>
        <span className="dim small">{property.types.map((kind) => words.kinds[kind]).join(', ')}</span>
        <span className="small">{percent(property.share)}</span>
      </div>
      <Values property={property} eventType={eventType} />
    </div>
  );
}

function Values({
  property: { path, top_values, count: events },
  eventType,
}: {
  property: PropertyRead;
  eventType: string;
}) {
  if (top_values === null) return <p className="dim small">{words.noValues}</p>;
  if (top_values.length === 0) return <p className="dim small">{words.distinct}</p>;
  const key =
    path
      .split(/(?<!\\)\./)
      .pop()
      ?.replaceAll('\\.', '.') ?? path;
  return (
    <ul className={classes.values}>
      {top_values.map(({ value, count: times }) => {
        const label = words.filter(path, shown(value), count(times));
        return (
          <li key={JSON.stringify(value)}>
            <Link
              to="/events"
              search={{ event_type: eventType, q: searchFor({ path, key, value }) ?? '' }}
              title={label}
            >
              <span className={classes.bar} style={{ width: `${(100 * times) / events}%` }} />
              <span className={classes.barLabel}>{shown(value)}</span>
              <span className="dim">{count(times)}</span>
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
