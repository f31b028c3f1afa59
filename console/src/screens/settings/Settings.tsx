import { useParams } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { NotFound } from '@/app/NotFound';
import { useMay } from '@/app/tenant';
import { Empty, Loading } from '@/components/states';
import { text } from '@/strings';
import { settings } from '@/strings/settings';
import { SettingsScreen } from './SettingsScreen';
import { LEAST, type Tab, tabOf } from './tabs';

const SCREENS = {
  general: lazy(() => import('./general/General').then((module) => ({ default: module.General }))),
  team: lazy(() => import('./team/Team').then((module) => ({ default: module.Team }))),
  'api-keys': lazy(() => import('./keys/Keys').then((module) => ({ default: module.Keys }))),
  schemas: lazy(() => import('./schemas/Schemas').then((module) => ({ default: module.Schemas }))),
  activations: lazy(() => import('./activations/Activations').then((module) => ({ default: module.Activations }))),
  'audit-log': lazy(() => import('./audit/AuditLog').then((module) => ({ default: module.AuditLog }))),
  profile: lazy(() => import('./profile/Profile').then((module) => ({ default: module.Profile }))),
};

/** Settings of the workspace and of the own account, one tab per address. */
export function Settings() {
  const params = useParams({ strict: false });
  const tab = tabOf(params.tab);
  return tab === null ? <NotFound /> : <TabScreen tab={tab} />;
}

function TabScreen({ tab }: { tab: Tab }) {
  const may = useMay(LEAST[tab]);
  const Content = SCREENS[tab];
  if (!may) {
    return (
      <SettingsScreen tab={tab}>
        <Empty title={text.common.noPermissionTitle}>
          {settings.adminsOnly(tab === 'api-keys' ? settings.keys.what : settings.audit.what)}
        </Empty>
      </SettingsScreen>
    );
  }
  return (
    <Suspense
      fallback={
        <SettingsScreen tab={tab}>
          <Loading />
        </SettingsScreen>
      }
    >
      <Content />
    </Suspense>
  );
}
