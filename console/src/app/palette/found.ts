import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api, body } from '@/api/client';
import { count } from '@/components/format';
import type { IconName } from '@/components/icons';
import { text } from '@/strings';
import { destinations } from '../navigation';
import { useMay, useTenant } from '../tenant';

export interface Found {
  key: string;
  group: string;
  label: string;
  detail?: string;
  icon: IconName;
  to: string;
}

const MOST = 6;

/** Return whether all words of the query are in the text, in any order. */
export function matches(label: string, query: string): boolean {
  const lower = label.toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => lower.includes(word));
}

function usePages(query: string): Found[] {
  const owner = useMay('owner');
  const create = { to: '/segments/new', label: text.frame.newSegment, icon: 'plus' as const };
  return [...destinations.filter(({ role }) => role !== 'owner' || owner), create]
    .filter(({ label }) => matches(label, query))
    .map(({ to, label, icon }) => ({ key: to, group: text.frame.palette.pages, label, icon, to }));
}

function useSegments(query: string, tenant: number): Found[] {
  const { data } = useQuery({
    queryKey: ['palette', 'segments', tenant],
    queryFn: () => body(api.GET('/api/segments/', { params: { query: { tenant, limit: 1000 } } })),
    staleTime: 30_000,
  });
  return (data?.results ?? [])
    .filter(({ name, id }) => matches(`${name} ${id}`, query))
    .slice(0, MOST)
    .map(({ id, name, member_count }) => ({
      key: `segment-${id}`,
      group: text.frame.palette.segments,
      label: name,
      detail: count(member_count),
      icon: 'segments',
      to: `/segments/${id}`,
    }));
}

function useUsers(query: string, tenant: number): Found[] {
  const { data } = useQuery({
    queryKey: ['palette', 'users', tenant, query],
    queryFn: ({ signal }) =>
      body(api.GET('/api/explorer/users/', { params: { query: { tenant, q: query, limit: MOST } }, signal })),
    enabled: query.length > 1,
    retry: false,
  });
  return (data?.results ?? []).map(({ user_id }) => ({
    key: `user-${user_id}`,
    group: text.frame.palette.users,
    label: user_id,
    icon: 'user',
    to: `/users/${encodeURIComponent(user_id)}`,
  }));
}

function useEventTypes(query: string, tenant: number): Found[] {
  const { data } = useQuery({
    queryKey: ['event-types', tenant],
    queryFn: () => body(api.GET('/api/explorer/event-types/', { params: { query: { tenant } } })),
    staleTime: 30_000,
    retry: false,
  });
  return (data?.results ?? [])
    .filter(({ event_type }) => query !== '' && matches(event_type, query))
    .slice(0, MOST)
    .map(({ event_type, count: events }) => ({
      key: `type-${event_type}`,
      group: text.frame.palette.eventTypes,
      label: event_type,
      detail: count(events),
      icon: 'events',
      to: `/events?event_type=${encodeURIComponent(event_type)}`,
    }));
}

/** All that matches the query; users are searched once typing has paused. */
export function useFound(query: string, settled: string): readonly Found[] {
  const { id } = useTenant();
  const pages = usePages(query);
  const segments = useSegments(query, id);
  const users = useUsers(settled, id);
  const types = useEventTypes(query, id);
  return useMemo(() => [...pages, ...segments, ...users, ...types], [pages, segments, users, types]);
}
