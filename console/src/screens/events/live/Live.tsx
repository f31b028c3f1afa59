import { useState } from 'react';
import { FilterBar } from './FilterBar';
import { anySet, type EventFilters } from './filters';
import { useLiveEvents } from './live-events';
import { Tail } from './Tail';
import { Volume } from './Volume';

interface LiveProps {
  filters: EventFilters;
  setFilters: (changes: EventFilters) => void;
}

/** The tail of events with its filters and the volume of the last day. */
export function Live({ filters, setFilters }: LiveProps) {
  return (
    <>
      <Volume filters={filters} setFilters={setFilters} />
      <Followed key={JSON.stringify(filters)} filters={filters} setFilters={setFilters} />
    </>
  );
}

/** Starts afresh when the filters change. */
function Followed({ filters, setFilters }: LiveProps) {
  const [paused, setPaused] = useState(false);
  const past = filters.until !== undefined;
  const live = useLiveEvents(filters, !past, paused);
  return (
    <>
      <FilterBar
        filters={filters}
        setFilters={setFilters}
        live={past ? null : live}
        paused={paused}
        onPause={() => setPaused(!paused)}
      />
      <Tail filters={filters} setFilters={setFilters} live={live} filtered={anySet(filters)} />
    </>
  );
}
