import { Modal } from '@mantine/core';
import { useState } from 'react';
import type { ApiKeyChanged, ApiKeyRead } from '@/api/types';
import { Time } from '@/components/Time';
import { settings } from '@/strings/settings';
import { useEmails } from '../queries';
import classes from '../settings.module.css';
import { NewSecret } from './NewSecret';
import { Origins } from './Origins';
import { SignedIds } from './SignedIds';
import { maskedKey } from './scopes';

interface KeyDetailsProps {
  apiKey: ApiKeyRead;
  onClose: () => void;
}

/** All about one key; origins and signing of a publishable one can be changed. */
export function KeyDetails({ apiKey, onClose }: KeyDetailsProps) {
  const [current, setCurrent] = useState<ApiKeyRead>(apiKey);
  const [secret, setSecret] = useState<ApiKeyChanged | null>(null);
  const onChanged = (changed: ApiKeyChanged) => {
    setCurrent(changed);
    if (changed.hmac_secret !== null) setSecret(changed);
  };
  if (secret !== null) return <NewSecret apiKey={secret} onDone={() => setSecret(null)} />;
  return (
    <Modal opened onClose={onClose} title={current.name} size={520}>
      <div className={classes.form}>
        <Facts apiKey={current} />
        {current.kind === 'publishable' && (
          <>
            <Origins apiKey={current} onChanged={onChanged} />
            <SignedIds apiKey={current} onChanged={onChanged} />
          </>
        )}
      </div>
    </Modal>
  );
}

function Facts({ apiKey }: { apiKey: ApiKeyRead }) {
  const words = settings.keys;
  const emails = useEmails();
  return (
    <dl className={classes.facts}>
      <dt>{words.key}</dt>
      <dd>
        <code>{maskedKey(apiKey)}</code>
      </dd>
      <dt>{words.kind}</dt>
      <dd>
        <span>
          {words.kinds[apiKey.kind]}. <span className="dim">{words.kindHelp[apiKey.kind]}</span>
        </span>
      </dd>
      <dt>{words.scopes}</dt>
      <dd>
        <ul className={classes.plain}>
          {apiKey.scopes.map((scope) => (
            <li key={scope}>{words.scopeWords[scope]}</li>
          ))}
        </ul>
      </dd>
      <dt>{words.lastUsed}</dt>
      <dd>{apiKey.last_used_at === null ? words.unused : <Time at={apiKey.last_used_at} />}</dd>
      <dt>{words.created}</dt>
      <dd>
        <Time at={apiKey.created_at} /> <span className="dim">{emails.get(apiKey.created_by)}</span>
      </dd>
      <Previous until={apiKey.previous_key_expires_at} />
    </dl>
  );
}

function Previous({ until }: { until: string | null }) {
  if (until === null || Date.parse(until) <= Date.now()) return null;
  return (
    <>
      <dt>{settings.keys.rotated}</dt>
      <dd>
        {settings.keys.worksUntil} <Time at={until} long />
      </dd>
    </>
  );
}
