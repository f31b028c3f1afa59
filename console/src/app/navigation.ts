import type { Role } from '@/api/types';
import type { IconName } from '@/components/icons';
import { text } from '@/strings';

export interface Destination {
  to: '/segments' | '/users' | '/events' | '/analytics' | '/ingestion' | '/settings' | '/status' | '/get-started';
  label: string;
  icon: IconName;
  /** The second key after `g`. */
  key: string;
  /** The least role that sees it. */
  role?: Role;
}

/** Shown above the others until there is a segment. */
export const getStarted: Destination = { to: '/get-started', label: text.frame.getStarted, icon: 'start', key: 'g' };

/** The sidebar, from top to bottom. */
export const destinations: readonly Destination[] = [
  { to: '/segments', label: text.frame.segments, icon: 'segments', key: 's' },
  { to: '/users', label: text.frame.users, icon: 'users', key: 'u' },
  { to: '/events', label: text.frame.events, icon: 'events', key: 'e' },
  { to: '/analytics', label: text.frame.analytics, icon: 'analytics', key: 'a' },
  { to: '/ingestion', label: text.frame.ingestion, icon: 'ingestion', key: 'i' },
  { to: '/settings', label: text.frame.settings, icon: 'settings', key: ',' },
  { to: '/status', label: text.frame.status, icon: 'status', key: 't', role: 'owner' },
];
