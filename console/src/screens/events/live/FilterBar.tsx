import { Button, Select, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useState } from 'react';
import { count } from '@/components/format';
import { Icon } from '@/components/icons';
import { events as strings } from '@/strings/events';
import classes from '../events.module.css';
import { useEventTypes } from '../queries';
import { anySet, type EventFilters } from './filters';
import { rangeWords } from './hours';
import type { LiveEvents } from './live-events';

const words = strings;
const PAUSE_MS = 350;

interface FiltersProps {
  filters: EventFilters;
  setFilters: (changes: EventFilters) => void;
  /** Null while past events are shown. */
  live: LiveEvents | null;
  paused: boolean;
  onPause: () => void;
}

/** The filters of the tail, and its pause. */
export function FilterBar({ filters, setFilters, live, paused, onPause }: FiltersProps) {
  const types = useEventTypes().data?.results.map(({ event_type }) => event_type) ?? [];
  const chosen = filters.event_type;
  const data = chosen === undefined || types.includes(chosen) ? types : [chosen, ...types];
  return (
    <search className={classes.filters}>
      <Select
        aria-label={words.type}
        placeholder={words.anyType}
        data={data}
        value={chosen ?? null}
        onChange={(event_type) => setFilters({ event_type: event_type ?? '' })}
        searchable
        clearable
        className={classes.filter ?? ''}
      />
      <Typed name="user_id" label={words.user} placeholder={words.anyUser} {...{ filters, setFilters }} />
      <Typed name="q" label={words.text} placeholder={words.textPlaceholder} {...{ filters, setFilters }} />
      {(filters.since !== undefined || filters.until !== undefined) && (
        <Button
          variant="default"
          onClick={() => setFilters({ since: '', until: '' })}
          rightSection={<Icon name="close" size={12} />}
          title={words.dropHour}
        >
          {words.hour(...rangeWords(filters.since, filters.until))}
        </Button>
      )}
      {anySet(filters) && (
        <Button
          variant="subtle"
          color="gray"
          onClick={() => setFilters({ event_type: '', user_id: '', q: '', since: '', until: '' })}
        >
          {words.clear}
        </Button>
      )}
      {live !== null && <Pause live={live} paused={paused} onPause={onPause} />}
    </search>
  );
}

interface TypedProps {
  name: 'user_id' | 'q';
  label: string;
  placeholder: string;
  filters: EventFilters;
  setFilters: (changes: EventFilters) => void;
}

/** A filter that is typed; it applies when typing pauses. */
function Typed({ name, label, placeholder, filters, setFilters }: TypedProps) {
  const [typed, setTyped] = useState(filters[name] ?? '');
  const apply = useDebouncedCallback((value: string) => setFilters({ [name]: value }), PAUSE_MS);
  return (
    <TextInput
      aria-label={label}
      placeholder={placeholder}
      value={typed}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        apply(event.currentTarget.value);
      }}
      className={classes.filter ?? ''}
    />
  );
}

function Pause({ live, paused, onPause }: { live: LiveEvents; paused: boolean; onPause: () => void }) {
  const state = paused ? words.paused : live.connected ? words.live : words.connecting;
  const resume = live.waiting > 0 ? words.resumeNew(count(live.waiting)) : words.resume;
  return (
    <div className={classes.pause}>
      <span className={classes.state} data-live={(live.connected && !paused) || undefined}>
        {state}
      </span>
      <Button variant="default" onClick={onPause} leftSection={<Icon name={paused ? 'play' : 'pause'} size={14} />}>
        {paused ? resume : words.pause}
      </Button>
    </div>
  );
}
