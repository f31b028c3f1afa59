import { expect, it } from 'vitest';
import type { ActivationRead } from '@/api/types';
import { draftOf, HIDDEN, isComplete, isPercent, newDraft, newSecret, sentConfig, sentFields } from './draft';

const WEBHOOK = { url: 'https://hooks.example.com/', secret: HIDDEN, events: ['segment.exited'] };
const HTTP = {
  ...WEBHOOK,
  method: 'PUT',
  headers: { Authorization: 'Bearer {{secret}}', 'X-Time': '10:30' },
  template: { ids: '{{user_ids}}' },
  batch_size: 75,
};

function stored(config: unknown): ActivationRead {
  const fields = { description: 'Newsletter tool', consent: 'consent.mail', max_change_share: 0.07 };
  return { id: 7, segment: 42, ...fields, config } as unknown as ActivationRead;
}

it('what is stored is sent back as it is', () => {
  const { description, consent, max_change_share } = stored(WEBHOOK);
  expect(sentFields(draftOf(stored(WEBHOOK)))).toEqual({ description, consent, max_change_share });
  for (const config of [WEBHOOK, HTTP, { format: 'parquet' }]) {
    expect(sentConfig(draftOf(stored(config)), HIDDEN)).toEqual(config);
  }
});

it('what is emptied is removed', () => {
  const draft = { ...draftOf(stored(WEBHOOK)), share: ' ', consent: ' ' };
  const { max_change_share, consent } = sentFields(draft);
  expect([max_change_share, consent]).toEqual([null, null]);
  expect(sentConfig(draft, ' ')).toEqual({ ...WEBHOOK, secret: null });
});

it('a share is a percentage above zero', () => {
  const texts = ['', '50', '0,5', '250', '0', '-1', 'half'];
  expect(texts.map(isPercent)).toEqual([true, true, true, true, false, false, false]);
});

it('a template must be an object of JSON, where there is one', () => {
  const draft = { ...newDraft(42), url: 'https://a.example/' };
  const template = '[';
  expect(isComplete({ ...draft, template })).toBe(true);
  expect(isComplete({ ...draft, connector: 'http' })).toBe(true);
  expect(isComplete({ ...draft, connector: 'file', events: [] })).toBe(true);
  expect(isComplete({ ...draft, connector: 'http', template })).toBe(false);
});

it('a new secret is that of Standard Webhooks', () => {
  expect(atob(newSecret().replace('whsec_', ''))).toHaveLength(24);
});
