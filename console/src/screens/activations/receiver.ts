import type { ActivationRead } from '@/api/types';
import { activations as words } from '@/strings/activations';

/** Return where the changes go: an address, or a file. */
export function receiverOf({ config }: ActivationRead): string {
  if ('url' in config) return config.url;
  return words.facts.file(words.form.formats[config.format as keyof typeof words.form.formats] ?? config.format);
}

/** Return the name of the connector. */
export function connectorOf({ connector_type: type }: ActivationRead): string {
  return words.connectors[type as keyof typeof words.connectors] ?? type;
}
