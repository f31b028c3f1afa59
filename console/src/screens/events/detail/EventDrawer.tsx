import { Drawer } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { api, body } from '@/api/client';
import type { EventRead } from '@/api/types';
import { useTenant } from '@/app/tenant';
import { Empty, QueryState } from '@/components/states';
import { events as strings } from '@/strings/events';
import { EventDetail } from './EventDetail';

/** An event at the side of the screen. */
export function EventDrawer({ event, onClose }: { event: EventRead; onClose: () => void }) {
  return (
    <Drawer opened onClose={onClose} position="right" size={460} title={event.event_type}>
      <EventDetail event={event} />
    </Drawer>
  );
}

interface FoundEventProps {
  userId: string;
  messageId: string;
  /** When it occurred, to the millisecond. */
  at: string;
  onClose: () => void;
}

/** An event of a user, read by its id and time. */
export function FoundEventDrawer({ userId, messageId, at, onClose }: FoundEventProps) {
  const tenant = useTenant();
  const query = useQuery({
    queryKey: ['user-event', tenant.id, userId, messageId, at],
    queryFn: async () => {
      const until = new Date(Date.parse(at) + 1).toISOString();
      const page = await body(
        api.GET('/api/explorer/users/{user_id}/events/', {
          params: { path: { user_id: userId }, query: { tenant: tenant.id, since: at, until, limit: 1000 } },
        }),
      );
      return page.results.find(({ message_id }) => message_id === messageId) ?? null;
    },
  });
  return (
    <Drawer opened onClose={onClose} position="right" size={460} title={query.data?.event_type ?? strings.detail.title}>
      <QueryState query={query}>
        {(event) => (event === null ? <Empty title={strings.detail.missing} /> : <EventDetail event={event} />)}
      </QueryState>
    </Drawer>
  );
}
