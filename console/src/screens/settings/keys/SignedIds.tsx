import { Button } from '@mantine/core';
import { useState } from 'react';
import { api, body } from '@/api/client';
import type { ApiKeyChanged, ApiKeyRead } from '@/api/types';
import { Confirm } from '@/components/Confirm';
import { settings } from '@/strings/settings';
import classes from '../settings.module.css';
import { useKeysChanged } from './queries';

interface SignedIdsProps {
  apiKey: ApiKeyRead;
  onChanged: (key: ApiKeyChanged) => void;
}

/** Whether a publishable key requires signed user ids, and the switch of it, which says what it does. */
export function SignedIds({ apiKey, onChanged }: SignedIdsProps) {
  const words = settings.keys;
  const [asking, setAsking] = useState(false);
  const keysChanged = useKeysChanged();
  const on = apiKey.require_signed_user_id;
  const change = async () => {
    const changed = await body(
      api.PATCH('/api/auth/api-keys/{key_id}/', {
        params: { path: { key_id: apiKey.id } },
        body: { require_signed_user_id: !on },
      }),
    );
    onChanged(changed);
    await keysChanged();
  };
  return (
    <div className={classes.between}>
      <span>{on ? words.signedOn : words.signedOff}</span>
      <Button variant="default" onClick={() => setAsking(true)}>
        {on ? words.turnOff : words.turnOn}
      </Button>
      <Confirm
        opened={asking}
        onClose={() => setAsking(false)}
        title={on ? words.turnOff : words.turnOn}
        action={on ? words.turnOff : words.turnOn}
        onConfirm={change}
      >
        {on ? words.turnOffDetail : words.turnOnDetail}
      </Confirm>
    </div>
  );
}
