import type { Role } from '@/api/types';
import { settings } from '@/strings/settings';

export type Tab = keyof typeof settings.tabs;

/** The least role that sees a tab. */
export const LEAST: Record<Tab, Role> = {
  general: 'viewer',
  team: 'viewer',
  'api-keys': 'admin',
  schemas: 'viewer',
  activations: 'viewer',
  'audit-log': 'admin',
  profile: 'viewer',
};

export const TABS = Object.keys(settings.tabs) as Tab[];

/** Return the tab of an address, or null. */
export function tabOf(name: string | undefined): Tab | null {
  return TABS.find((tab) => tab === name) ?? null;
}
