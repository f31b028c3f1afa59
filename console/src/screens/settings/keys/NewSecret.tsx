import type { ApiKeyChanged } from '@/api/types';
import { settings } from '@/strings/settings';
import { Secret, ShownOnce } from '../ShownOnce';

interface NewSecretProps {
  /** `key` is absent when only the signing secret is new. */
  apiKey: ApiKeyChanged & { key?: string };
  onDone: () => void;
}

/** A new key, and the secret that signs user ids if it has one; both are shown once. */
export function NewSecret({ apiKey, onDone }: NewSecretProps) {
  const words = settings.keys;
  return (
    <ShownOnce title={words.secretTitle(apiKey.name)} onDone={onDone}>
      {apiKey.key !== undefined && (
        <>
          <p>{words.once}</p>
          <Secret value={apiKey.key} label={words.copyKey} testId="new-key" />
        </>
      )}
      {apiKey.hmac_secret !== null && (
        <>
          <p>{apiKey.key === undefined ? words.hmacOnce : words.hmac}</p>
          <Secret value={apiKey.hmac_secret} label={words.copyHmac} testId="new-hmac-secret" />
        </>
      )}
    </ShownOnce>
  );
}
