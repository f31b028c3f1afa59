import { describe, expect, it } from 'vitest';
import { covers, givable, ROLES, rights } from './roles';

describe('roles', () => {
  it('cover themselves and all below', () => {
    expect(ROLES.filter((role) => covers('admin', role))).toEqual(['admin', 'member', 'viewer']);
    expect(covers('viewer', 'member')).toBe(false);
  });
  it('are given by admins and owners, up to their own', () => {
    expect(givable('owner')).toEqual(ROLES);
    expect(givable('admin')).not.toContain('owner');
    expect(givable('member')).toEqual([]);
  });
});

describe('what may be done with a member', () => {
  it('depends on both roles', () => {
    expect(rights('owner', { role: 'owner' }, false)).toEqual({ role: true, remove: true });
    expect(rights('admin', { role: 'owner' }, false)).toEqual({ role: false, remove: false });
    expect(rights('admin', { role: 'admin' }, false)).toEqual({ role: true, remove: true });
    expect(rights('member', { role: 'viewer' }, false)).toEqual({ role: false, remove: false });
  });
  it('is leaving for everybody', () => {
    expect(rights('viewer', { role: 'viewer' }, true)).toEqual({ role: false, remove: true });
  });
});
