/** What is typed into the form of an activation. */
import type { ActivationRead } from '@/api/types';
import { activations as words } from '@/strings/activations';

export type Connector = keyof typeof words.connectors;
export type EventName = keyof typeof words.events;
export type FileFormat = keyof typeof words.form.formats;
export type Method = (typeof METHODS)[number];

export const CONNECTORS = Object.keys(words.connectors) as Connector[];
export const EVENTS = Object.keys(words.events) as EventName[];
export const FORMATS = Object.keys(words.form.formats) as FileFormat[];
export const METHODS = ['POST', 'PUT', 'PATCH'] as const;
/** Stands for a stored secret. Sent back, it leaves the secret as it is. */
export const HIDDEN = '***';
const SECRET_BYTES = 24;
const TEMPLATE = { segment: '{{segment_name}}', change: '{{change}}', users: { '{{#users}}': { id: '{{user_id}}' } } };
const MOST_USERS = 500;

export interface ActivationDraft {
  connector: Connector;
  segment: string | null;
  url: string;
  events: readonly EventName[];
  description: string;
  consent: string;
  /** In percent, as it is typed. */
  share: string;
  method: Method;
  /** One a line. */
  headers: string;
  /** As text. */
  template: string;
  batch: string;
  format: FileFormat;
}

export function newDraft(segment?: number): ActivationDraft {
  return {
    connector: 'webhook',
    segment: segment === undefined ? null : String(segment),
    url: '',
    events: EVENTS,
    description: '',
    consent: '',
    share: '',
    method: 'POST',
    headers: '',
    template: JSON.stringify(TEMPLATE, null, 2),
    batch: String(MOST_USERS),
    format: 'csv',
  };
}

export function draftOf(activation: ActivationRead): ActivationDraft {
  const { config, max_change_share: share } = activation;
  const draft: ActivationDraft = {
    ...newDraft(activation.segment),
    description: activation.description,
    consent: activation.consent ?? '',
    share: share === null ? '' : String(Math.round(share * 1e8) / 1e6),
  };
  if ('format' in config) {
    return { ...draft, connector: 'file', format: FORMATS.find((name) => name === config.format) ?? 'csv' };
  }
  const events = EVENTS.filter((name) => config.events.includes(name));
  if (!('template' in config)) return { ...draft, url: config.url, events };
  return {
    ...draft,
    url: config.url,
    events,
    connector: 'http',
    method: METHODS.find((name) => name === config.method) ?? 'POST',
    headers: Object.entries(config.headers)
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n'),
    template: JSON.stringify(config.template, null, 2),
    batch: String(config.batch_size),
  };
}

/** Return the settings to send that are not those of a connector. */
export function sentFields(draft: ActivationDraft) {
  const percent = Number(draft.share.replace(',', '.'));
  return {
    description: draft.description.trim(),
    consent: draft.consent.trim() === '' || draft.connector === 'file' ? null : draft.consent.trim(),
    max_change_share: draft.share.trim() === '' ? null : Math.round(percent * 1e6) / 1e8,
  };
}

/** Return the settings of the connector to send. */
export function sentConfig(draft: ActivationDraft, secret: string) {
  switch (draft.connector) {
    case 'webhook':
      return sentWebhook(draft, secret);
    case 'http':
      return sentHttp(draft, secret);
    case 'file':
      return { format: draft.format };
  }
}

function sentWebhook(draft: ActivationDraft, secret: string) {
  return {
    url: draft.url.trim(),
    secret: secret.trim() === '' ? null : secret.trim(),
    events: [...draft.events],
  };
}

function sentHttp(draft: ActivationDraft, secret: string) {
  return {
    ...sentWebhook(draft, secret),
    method: draft.method,
    headers: headersOf(draft.headers),
    template: templateOf(draft.template) ?? {},
    batch_size: Number(draft.batch),
  };
}

function headersOf(lines: string): Record<string, string> {
  const named = lines.split('\n').flatMap((line): [string, string][] => {
    if (line.trim() === '') return [];
    const [name = '', ...rest] = line.split(':');
    return [[name.trim(), rest.join(':').trim()]];
  });
  return Object.fromEntries(named);
}

/** Return the template, or null if the text is not an object of JSON. */
export function templateOf(text: string): Record<string, never> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, never>)
      : null;
  } catch {
    return null;
  }
}

/** Whether everything that is typed can be sent. */
export function isComplete(draft: ActivationDraft): boolean {
  const isRequest = templateOf(draft.template) !== null && /^[1-9]\d{0,2}$/.test(draft.batch.trim());
  return (
    draft.segment !== null &&
    isPercent(draft.share) &&
    (draft.connector === 'file' || draft.events.length > 0) &&
    (draft.connector !== 'http' || isRequest)
  );
}

export function isPercent(text: string): boolean {
  const value = Number(text.replace(',', '.'));
  return text.trim() === '' || (Number.isFinite(value) && value > 0);
}

/** Return a new secret, as Standard Webhooks writes it. */
export function newSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
  return `whsec_${btoa(String.fromCharCode(...bytes))}`;
}
