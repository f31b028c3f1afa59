import { describe, expect, it } from 'vitest';
import { keyName, readPayload, whatHappened, whatToDo } from './plain';

describe('a refusal', () => {
  it('is named by its code before its reason', () => {
    expect(whatHappened({ reason: 'event-skipped', code: 'timestamp-out-of-range' })).toBe('Time out of range');
    expect(whatHappened({ reason: 'event-skipped', code: 'missing' })).toBe('Event refused');
  });

  it('that is new is named by its slug, without advice', () => {
    const refusal = { reason: 'some-new-problem', code: '' };
    expect(whatHappened(refusal)).toBe('Some new problem');
    expect(whatToDo(refusal)).toBeNull();
  });

  it('says what to do', () => {
    expect(whatToDo({ reason: 'invalid-token', code: '' })).toContain('Authorization: ApiKey');
  });
});

it('writes a key as its owner knows it', () => {
  expect(keyName({ key_prefix: 'sk_live_', key_last_four: '0aZ9' })).toBe('sk_live_…0aZ9');
  expect(keyName({ key_prefix: '', key_last_four: '' })).toBeNull();
});

describe('readPayload', () => {
  it.each([
    ['', {}],
    ['{"path": "/pricing"}', { path: '/pricing' }],
    ['[1]', null],
    ['null', null],
    ['{path}', null],
  ])('reads %j', (typed, expected) => {
    expect(readPayload(typed)).toEqual(expected);
  });
});
