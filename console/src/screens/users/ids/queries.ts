import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api, body } from '@/api/client';
import { useTenant } from '@/app/tenant';

/** The ids of the person that an id belongs to, and what joins them. */
export function usePerson(userId: string) {
  const tenant = useTenant();
  return useQuery({
    queryKey: ['person', tenant.id, userId],
    queryFn: () =>
      body(
        api.GET('/api/identity/{user_id}/', {
          params: { path: { user_id: userId }, query: { tenant: tenant.id } },
        }),
      ),
  });
}

/** Return functions that merge users and end a merge. What is shown of users is read again afterwards. */
export function useMerges() {
  const { id: tenant } = useTenant();
  const cache = useQueryClient();
  const readAgain = () =>
    Promise.all(
      ['person', 'user', 'user-events', 'user-segments', 'explanation'].map((name) =>
        cache.invalidateQueries({ queryKey: [name, tenant] }),
      ),
    );
  return {
    merge: async (from: string, into: string) => {
      await body(api.POST('/api/identity/merge/', { body: { tenant, from_user_id: from, into_user_id: into } }));
      await readAgain();
    },
    unmerge: async (from: string) => {
      await body(api.POST('/api/identity/unmerge/', { body: { tenant, from_user_id: from } }));
      await readAgain();
    },
  };
}
