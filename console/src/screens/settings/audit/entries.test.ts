import { describe, expect, it } from 'vitest';
import type { AuditEntryRead } from '@/api/types';
import { settings } from '@/strings/settings';
import { actionWords, actorWords, change, targetWords } from './entries';

const ENTRY: AuditEntryRead = {
  number: 3,
  at: '2026-01-31T09:00:00Z',
  actor_id: 7,
  action: 'api_key.created',
  target: 'api_key:5',
  details: { name: 'web server' },
  previous_hash: '0',
  hash: '1',
};
const EMAILS = new Map([[7, 'ada@example.com']]);

describe('an entry in words', () => {
  it('names the actor, also one that left', () => {
    expect(actorWords(7, EMAILS)).toBe('ada@example.com');
    expect(actorWords(9, EMAILS)).toBe('former member 9');
    expect(actorWords(null, EMAILS)).toBe('nobody signed in');
  });
  it('names the object by its details', () => {
    expect(targetWords(ENTRY, EMAILS)).toBe('key “web server”');
    expect(targetWords({ ...ENTRY, target: 'user:7' }, EMAILS)).toBe('ada@example.com');
    expect(targetWords({ ...ENTRY, target: 'tenant:1', details: {} }, EMAILS)).toBe('workspace 1');
  });
  it('keeps an unknown action as it is', () => {
    expect(actionWords('member.role_changed')).toBe('Changed a role');
    expect(actionWords('segment.published')).toBe('segment.published');
  });
  it('has a group for each action, so that the filter offers it', () => {
    const prefixes = Object.keys(settings.audit.groups);
    const isGrouped = (action: string) => prefixes.some((prefix) => action.startsWith(`${prefix}.`));
    expect(Object.keys(settings.audit.words).filter((action) => !isGrouped(action))).toEqual([]);
  });
  it('says what changed', () => {
    expect(change({ ...ENTRY, details: { from: 'member', to: 'admin' } })).toBe('member → admin');
    expect(change({ ...ENTRY, details: { slug_from: 'acme', slug_to: 'acme-2' } })).toBe('slug acme → acme-2');
    expect(change({ ...ENTRY, details: { email: 'a@example.com', role: 'viewer' } })).toBe('viewer');
    expect(change(ENTRY)).toBe('');
  });
});
