import { useQuery } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo } from 'react';
import { api, body } from '@/api/client';
import type { Me, OwnTenant, Role } from '@/api/types';

const LAST_TENANT = 'segops.tenant';
const RANK: Record<Role, number> = { viewer: 0, member: 1, admin: 2, owner: 3 };

interface TenantContext {
  me: Me;
  tenant: OwnTenant;
}

const Context = createContext<TenantContext | null>(null);

export const meQuery = { queryKey: ['me'], queryFn: () => body(api.GET('/api/auth/me/')), staleTime: 60_000 };

/** The account that is signed in, and its tenants. */
export function useMe() {
  return useQuery(meQuery);
}

/** Choose the tenant of the address, else the one that was open last, else the first. */
export function chooseTenant(me: Me, slug: string | undefined): OwnTenant | undefined {
  const by = (wanted: string | null | undefined) => me.tenants.find((tenant) => tenant.slug === wanted);
  return by(slug) ?? by(localStorage.getItem(LAST_TENANT)) ?? me.tenants[0];
}

/** Open this tenant when an address names none. */
export function rememberTenant(slug: string): void {
  localStorage.setItem(LAST_TENANT, slug);
}

export function TenantProvider({ me, tenant, children }: TenantContext & { children: ReactNode }) {
  const value = useMemo(() => ({ me, tenant }), [me, tenant]);
  useEffect(() => rememberTenant(tenant.slug), [tenant.slug]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

function useContextValue(): TenantContext {
  const value = useContext(Context);
  if (value === null) throw new Error('used outside of the frame');
  return value;
}

/** The tenant that the console shows. */
export function useTenant(): OwnTenant {
  return useContextValue().tenant;
}

export function useAccount(): Me {
  return useContextValue().me;
}

/** Whether the role in this tenant is at least the given one: `useMay('admin')`. */
export function useMay(role: Role): boolean {
  return RANK[useTenant().role] >= RANK[role];
}
