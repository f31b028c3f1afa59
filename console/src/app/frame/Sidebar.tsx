import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { api, body } from '@/api/client';
import { Icon } from '@/components/icons';
import { text } from '@/strings';
import { destinations, getStarted } from '../navigation';
import { useMay, useTenant } from '../tenant';
import classes from './frame.module.css';

// See TopBar: the sidebar is drawn without the code of its menu.
const TenantSwitcher = lazy(() => import('./TenantSwitcher').then((module) => ({ default: module.TenantSwitcher })));

/** Whether the tenant has no segment yet, so that the first minutes are not over. */
function useIsNew(): boolean {
  const { id: tenant } = useTenant();
  const { data } = useQuery({
    queryKey: ['segments', tenant, 'first'],
    queryFn: () => body(api.GET('/api/segments/', { params: { query: { tenant, limit: 1 } } })),
    staleTime: 60_000,
  });
  return data?.results.length === 0;
}

/** Tenant switcher and the list of screens. */
export function Sidebar({ onNavigate }: { onNavigate?: () => void }) {
  const owner = useMay('owner');
  const isNew = useIsNew();
  // The first steps create a key and a segment, which a viewer may not.
  const member = useMay('member');
  const shown = [
    ...(isNew && member ? [getStarted] : []),
    ...destinations.filter(({ role }) => role !== 'owner' || owner),
  ];
  const name = <TenantName />;
  return (
    <div className={classes.sidebar}>
      <Suspense fallback={<div className={classes.tenant}>{name}</div>}>
        <TenantSwitcher>{name}</TenantSwitcher>
      </Suspense>
      <nav aria-label={text.frame.sidebar}>
        {shown.map((destination) => (
          <Link
            key={destination.to}
            to={destination.to}
            className={classes.link}
            activeProps={{ 'data-active': true, 'aria-current': 'page' }}
            {...(onNavigate === undefined ? {} : { onClick: onNavigate })}
          >
            <Icon name={destination.icon} />
            {destination.label}
          </Link>
        ))}
      </nav>
    </div>
  );
}

function TenantName() {
  const tenant = useTenant();
  return (
    <>
      <span className="hidden">{text.frame.tenant}: </span>
      <span className={classes.badge} aria-hidden="true">
        {tenant.name.slice(0, 1).toUpperCase()}
      </span>
      <span className={classes.tenantName}>{tenant.name}</span>
      {tenant.is_test && <span className={classes.test}>{text.frame.testTenant}</span>}
      <Icon name="down" size={14} />
    </>
  );
}
