import { useDisclosure } from '@mantine/hooks';
import { Navigate, Outlet, useLocation, useSearch } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { useSession } from '@/api/session';
import { ErrorBoundary } from '@/components/ErrorBoundary';
import { Empty, QueryState } from '@/components/states';
import { text } from '@/strings';
import { chooseTenant, TenantProvider, useMe } from '../tenant';
import classes from './frame.module.css';
import { Keys } from './Keys';
import { Outage } from './Outage';
import { Sidebar } from './Sidebar';
import { TopBar } from './TopBar';

const Expired = lazy(() => import('./Expired').then((module) => ({ default: module.Expired })));
const Sheet = lazy(() => import('./Sheet').then((module) => ({ default: module.Sheet })));

/** The frame around all screens: sidebar, top bar, banners, and the dialog of an ended session. */
export function Frame() {
  const session = useSession();
  const me = useMe();
  const search = useSearch({ strict: false });
  if (session === 'signed-out') return <Navigate to="/login" />;
  return (
    <>
      <QueryState query={me}>
        {(account) => {
          const tenant = chooseTenant(account, search.tenant);
          if (!tenant) return <Empty title={text.common.noPermissionTitle} />;
          return (
            <TenantProvider me={account} tenant={tenant}>
              <Shell key={tenant.id} />
            </TenantProvider>
          );
        }}
      </QueryState>
      <Suspense>{session === 'expired' && <Expired email={me.data?.email ?? ''} />}</Suspense>
    </>
  );
}

function Shell() {
  const [sheet, { open, close }] = useDisclosure(false);
  const { pathname } = useLocation();
  return (
    <div className={classes.frame}>
      <a href="#content" className={classes.skip}>
        {text.frame.skip}
      </a>
      <aside className={classes.rail}>
        <Sidebar />
      </aside>
      <Suspense>{sheet && <Sheet onClose={close} />}</Suspense>
      <div className={classes.main}>
        <TopBar onMenu={open} />
        <Outage />
        <main id="content" tabIndex={-1} className={classes.content}>
          <ErrorBoundary resetKey={pathname}>
            <Outlet />
          </ErrorBoundary>
        </main>
      </div>
      <Keys />
    </div>
  );
}
