import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, body } from '@/api/client';
import type { TenantRead } from '@/api/types';
import { useMay } from '@/app/tenant';
import { Confirm } from '@/components/Confirm';
import { settings } from '@/strings/settings';
import classes from '../settings.module.css';

/** Whether ids that nobody signed join, and the switch of it for owners, which says what it does. */
export function JoinUnsigned({ tenant }: { tenant: TenantRead }) {
  const words = settings.general;
  const owner = useMay('owner');
  const cache = useQueryClient();
  const [asking, setAsking] = useState(false);
  const on = tenant.join_unsigned_ids;
  const change = async () => {
    const saved = await body(
      api.PATCH('/api/auth/tenants/{tenant_id}/', {
        params: { path: { tenant_id: tenant.id } },
        body: { join_unsigned_ids: !on },
      }),
    );
    cache.setQueryData(['tenant', tenant.id], saved);
  };
  return (
    <section className={classes.section}>
      <h2>{words.joining}</h2>
      <p className="dim">{words.joiningDetail}</p>
      <div className={classes.between}>
        <span>{on ? words.joinOn : words.joinOff}</span>
        {owner && (
          <Button variant="default" onClick={() => setAsking(true)}>
            {on ? words.turnJoinOff : words.turnJoinOn}
          </Button>
        )}
      </div>
      <Confirm
        opened={asking}
        onClose={() => setAsking(false)}
        title={on ? words.turnJoinOff : words.turnJoinOn}
        action={on ? words.turnJoinOff : words.turnJoinOn}
        onConfirm={change}
      >
        {on ? words.joinOffDetail : words.joinOnDetail}
      </Confirm>
    </section>
  );
}
