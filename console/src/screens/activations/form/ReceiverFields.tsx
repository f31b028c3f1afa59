import { TextInput } from '@mantine/core';
import { faultAt } from '@/screens/settings/fields';
import { activations } from '@/strings/activations';
import { EventChoice } from './choices';
import type { ActivationDraft } from './draft';
import { HttpFields } from './HttpFields';
import { SecretField } from './SecretField';

const words = activations.form;

interface ReceiverFieldsProps {
  draft: ActivationDraft;
  onChange: (part: Partial<ActivationDraft>) => void;
  secret: string;
  onSecret: (secret: string) => void;
  /** Whether there is a secret. */
  isStored: boolean;
  error: unknown;
}

/** Where requests go, what is in them, and about whom. */
export function ReceiverFields({ draft, onChange, secret, onSecret, isStored, error }: ReceiverFieldsProps) {
  return (
    <>
      <TextInput
        label={words.url}
        description={words.urlHelp}
        placeholder="https://hooks.example.com/segops"
        required
        withAsterisk={false}
        maxLength={2048}
        value={draft.url}
        error={faultAt(error, 'url')}
        onChange={(event) => onChange({ url: event.currentTarget.value })}
      />
      <SecretField
        value={secret}
        onChange={onSecret}
        isStored={isStored}
        signs={draft.connector === 'webhook'}
        error={faultAt(error, 'secret')}
      />
      {draft.connector === 'http' && <HttpFields draft={draft} onChange={onChange} error={error} />}
      <EventChoice value={draft.events} onChange={(events) => onChange({ events })} />
      <TextInput
        label={words.consent}
        description={words.consentHelp}
        placeholder="consent.marketing"
        maxLength={200}
        value={draft.consent}
        error={faultAt(error, 'consent')}
        onChange={(event) => onChange({ consent: event.currentTarget.value })}
      />
    </>
  );
}
