import { api, body } from '@/api/client';
import type { ApiKeyRead } from '@/api/types';
import { Confirm } from '@/components/Confirm';
import { Time } from '@/components/Time';
import { settings } from '@/strings/settings';
import classes from '../settings.module.css';
import { useKeysChanged } from './queries';

/** Revoke a key, after saying what stops working. */
export function RevokeKey({ apiKey, onClose }: { apiKey: ApiKeyRead; onClose: () => void }) {
  const words = settings.keys;
  const changed = useKeysChanged();
  const revoke = async () => {
    await body(api.DELETE('/api/auth/api-keys/{key_id}/', { params: { path: { key_id: apiKey.id } } }));
    await changed();
  };
  return (
    <Confirm
      opened
      onClose={onClose}
      title={words.revokeOf(apiKey.name)}
      action={words.revoke}
      name={apiKey.name}
      onConfirm={revoke}
    >
      <div className={classes.form}>
        <p>{words.revokeDetail}</p>
        <ul className={classes.plain}>
          {apiKey.scopes.map((scope) => (
            <li key={scope}>{words.scopeWords[scope]}</li>
          ))}
        </ul>
        {apiKey.scopes.includes('events:write') && <p>{words.revokeEvents}</p>}
        <p>
          {apiKey.last_used_at === null ? (
            words.neverUse
          ) : (
            <>
              {words.lastUse} <Time at={apiKey.last_used_at} />.
            </>
          )}{' '}
          {words.revokeFinal}
        </p>
      </div>
    </Confirm>
  );
}
