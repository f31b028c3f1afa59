import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback } from 'react';
import { Screen } from '@/components/Screen';
import { ScreenTabs } from '@/components/ScreenTabs';
import { events as strings } from '@/strings/events';
import { type EventFilters, present } from './live/filters';
import { Live } from './live/Live';
import { Types } from './types/Types';

const words = strings;

/** Events: the live tail with filters, and the types and properties that were seen. */
export function Events() {
  const search = useSearch({ from: '/frame/events' });
  const navigate = useNavigate({ from: '/events' });
  const tab = search.tab === 'types' ? 'types' : 'live';
  const filters = present(search);
  const setFilters = useCallback(
    (changes: EventFilters) =>
      void navigate({
        search: ({ tenant, ...old }) => ({
          ...(tenant === undefined ? {} : { tenant }),
          ...present({ ...present(old), ...changes }),
        }),
        replace: true,
      }),
    [navigate],
  );
  const choose = (type: string | undefined) =>
    void navigate({ search: ({ type: _type, ...old }) => (type === undefined ? old : { ...old, type }) });
  const tabs = [
    { value: 'live', label: words.tabs.live },
    { value: 'types', label: words.tabs.types },
  ];
  return (
    <Screen
      title={words.title}
      about={words.about}
      tabs={<ScreenTabs label={words.tabs.label} tabs={tabs} current={tab} />}
      fill
    >
      {tab === 'live' ? (
        <Live filters={filters} setFilters={setFilters} />
      ) : (
        <Types chosen={search.type} choose={choose} />
      )}
    </Screen>
  );
}
