import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, body, download } from '@/api/client';
import { asProblem } from '@/api/problem';
import type { ErasureRead } from '@/api/types';
import { useMay, useTenant } from '@/app/tenant';
import { Confirm } from '@/components/Confirm';
import { Icon } from '@/components/icons';
import { ProblemText } from '@/components/ProblemText';
import { privacy as words } from '@/strings/privacy';
import { Receipt } from './Receipt';

/** Export everything about a user, or erase it. */
export function PersonActions({ userId }: { userId: string }) {
  const tenant = useTenant();
  const admin = useMay('admin');
  const [asking, setAsking] = useState(false);
  const [erasure, setErasure] = useState<ErasureRead | null>(null);
  const cache = useQueryClient();
  const path = `/api/explorer/users/${encodeURIComponent(userId)}/export/?tenant=${tenant.id}`;
  const save = useMutation({ mutationFn: () => download(path, 'user.ndjson') });
  const erase = async () => {
    const params = { path: { user_id: userId }, query: { tenant: tenant.id } };
    setErasure(await body(api.DELETE('/api/explorer/users/{user_id}/', { params })));
  };
  const close = () => {
    setErasure(null);
    void cache.invalidateQueries({ queryKey: ['user', tenant.id, userId] });
  };
  return (
    <>
      <Button
        variant="default"
        leftSection={<Icon name="download" size={14} />}
        title={words.exportDetail}
        loading={save.isPending}
        onClick={() => save.mutate()}
      >
        {words.export}
      </Button>
      {admin && (
        <Button
          variant="default"
          color="red"
          leftSection={<Icon name="trash" size={14} />}
          onClick={() => setAsking(true)}
        >
          {words.erase}
        </Button>
      )}
      {save.error && <ProblemText problem={asProblem(save.error)} />}
      <Confirm
        opened={asking}
        onClose={() => setAsking(false)}
        title={words.eraseOf(userId)}
        action={words.erase}
        name={userId}
        onConfirm={erase}
      >
        <p>{words.eraseWhat}</p>
        <p>
          {words.eraseLater} {words.eraseFinal}
        </p>
      </Confirm>
      {erasure !== null && <Receipt requested={erasure} onClose={close} />}
    </>
  );
}
