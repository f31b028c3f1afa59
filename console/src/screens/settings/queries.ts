import { useQuery } from '@tanstack/react-query';
import { api, body } from '@/api/client';
import { useTenant } from '@/app/tenant';

const PAGE = 200;

/** Read a tenant with what only its members see. */
export function tenantQuery(id: number) {
  return {
    queryKey: ['tenant', id],
    queryFn: () => body(api.GET('/api/auth/tenants/{tenant_id}/', { params: { path: { tenant_id: id } } })),
  };
}

/** Read one page of members. */
export function readMembers(tenant: number, cursor: string | undefined) {
  return body(
    api.GET('/api/auth/tenants/{tenant_id}/members/', {
      params: { path: { tenant_id: tenant }, query: { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) } },
    }),
  );
}

/** The e-mail addresses of the first members by user id, to name people in other lists. */
export function useEmails(): ReadonlyMap<number, string> {
  const { id } = useTenant();
  const { data } = useQuery({
    queryKey: ['members', id, 'emails'],
    queryFn: () => readMembers(id, undefined),
    staleTime: 30_000,
  });
  return new Map(data?.results.map(({ user_id, email }) => [user_id, email]));
}
