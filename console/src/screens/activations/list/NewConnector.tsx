import { Button } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { Icon } from '@/components/icons';
import { activations as words } from '@/strings/activations';
import { ConnectorDialog } from '../form/ConnectorDialog';

/** The button that makes an activation, of one segment if it is named. The new one is opened. */
export function NewConnector({ segment }: { segment?: number }) {
  const [opened, setOpened] = useState(false);
  const navigate = useNavigate();
  return (
    <>
      <Button leftSection={<Icon name="plus" size={14} />} onClick={() => setOpened(true)}>
        {words.create}
      </Button>
      {opened && (
        <ConnectorDialog
          activation={null}
          {...(segment === undefined ? {} : { segment })}
          onClose={() => setOpened(false)}
          onSaved={({ id }) =>
            void navigate({ to: '/settings/activations/$activationId', params: { activationId: String(id) } })
          }
        />
      )}
    </>
  );
}
