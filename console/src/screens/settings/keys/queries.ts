import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api, body } from '@/api/client';
import type { ApiKeyRead, OwnTenant } from '@/api/types';
import { useAccount, useTenant } from '@/app/tenant';
import { usePages } from '@/components/table/pages';
import { tenantQuery } from '../queries';
import { covers } from '../team/roles';

const PAGE = 200;

function readKeys(tenant: number, cursor: string | undefined) {
  return body(
    api.GET('/api/auth/api-keys/', {
      params: { query: { tenant, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) } },
    }),
  );
}

/** The test tenant of the open one, if the person manages its keys. */
export function useTestTenant(): OwnTenant | null {
  const { id } = useTenant();
  const { tenants } = useAccount();
  const { data } = useQuery(tenantQuery(id));
  const test = tenants.find((tenant) => tenant.id === data?.test_tenant);
  return test && covers(test.role, 'admin') ? test : null;
}

/** The keys of the open tenant, and after them those of its test tenant. */
export function useKeys() {
  const tenant = useTenant();
  const test = useTestTenant();
  const own = usePages(['keys', tenant.id, 'list'], (cursor) => readKeys(tenant.id, cursor));
  const tests = useQuery({
    queryKey: ['keys', test?.id, 'test'],
    queryFn: () => readKeys(test?.id ?? 0, undefined),
    enabled: test !== null,
  });
  const rows: readonly ApiKeyRead[] = own.more ? own.rows : [...own.rows, ...(tests.data?.results ?? [])];
  return { ...own, rows };
}

/** Return a function that reads all lists of keys again. */
export function useKeysChanged(): () => Promise<void> {
  const cache = useQueryClient();
  return () => cache.invalidateQueries({ queryKey: ['keys'] });
}
