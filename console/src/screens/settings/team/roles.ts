import type { Role } from '@/api/types';

/** All roles, the most powerful first. */
export const ROLES: readonly Role[] = ['owner', 'admin', 'member', 'viewer'];

/** Return whether a role has everything that the other has. */
export function covers(role: Role, other: Role): boolean {
  return ROLES.indexOf(role) <= ROLES.indexOf(other);
}

/** Return the roles that someone with a role may give. */
export function givable(role: Role): readonly Role[] {
  return covers(role, 'admin') ? ROLES.filter((other) => covers(role, other)) : [];
}

/** Return what may be done with a member: whose role covers theirs may change it, and everybody may leave. */
export function rights(role: Role, member: { role: Role }, self: boolean): { role: boolean; remove: boolean } {
  const manages = covers(role, 'admin') && covers(role, member.role);
  return { role: manages, remove: manages || self };
}
