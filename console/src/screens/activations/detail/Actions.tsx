import { ActionIcon, Button, Menu } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api, body } from '@/api/client';
import { asProblem } from '@/api/problem';
import type { ActivationRead } from '@/api/types';
import { Confirm } from '@/components/Confirm';
import { Icon } from '@/components/icons';
import { ProblemText } from '@/components/ProblemText';
import { activations as words } from '@/strings/activations';
import { ConnectorDialog } from '../form/ConnectorDialog';
import { useActivationsChanged, useShowActivation } from '../queries';
import { Replay } from './Replay';

interface ActionsProps {
  activation: ActivationRead;
  /** Called with the id of a test delivery. */
  onTest: (deliveryId: string) => void;
  onSynced: () => void;
}

/** What can be done with an activation now. */
export function Actions({ activation, onTest, onSynced }: ActionsProps) {
  const changed = useActivationsChanged();
  const params = { params: { path: { activation_id: activation.id } } };
  const sync = useMutation({
    mutationFn: () => body(api.POST('/api/activations/{activation_id}/sync/', params)),
    onSuccess: () => {
      onSynced();
      void changed();
    },
  });
  const test = useMutation({
    mutationFn: () => body(api.POST('/api/activations/{activation_id}/test/', params)),
    onSuccess: ({ delivery_id }) => onTest(delivery_id),
  });
  const start = useStart(activation.id);
  const isActive = activation.status === 'active';
  const error = start.error ?? sync.error ?? test.error;
  return (
    <>
      {!isActive && (
        <Button
          leftSection={<Icon name="play" size={14} />}
          loading={start.isPending}
          onClick={() => start.mutate('active')}
        >
          {words.activate}
        </Button>
      )}
      {isActive && activation.held === null && (
        <Button leftSection={<Icon name="refresh" size={14} />} loading={sync.isPending} onClick={() => sync.mutate()}>
          {words.sync}
        </Button>
      )}
      {'url' in activation.config && (
        <Button variant="default" loading={test.isPending} onClick={() => test.mutate()}>
          {words.test}
        </Button>
      )}
      {isActive && (
        <Button
          variant="default"
          leftSection={<Icon name="pause" size={14} />}
          loading={start.isPending}
          onClick={() => start.mutate('inactive')}
        >
          {words.pause}
        </Button>
      )}
      <MoreMenu activation={activation} />
      {error && <ProblemText problem={asProblem(error)} />}
    </>
  );
}

function useStart(id: number) {
  const show = useShowActivation();
  return useMutation({
    mutationFn: (status: 'active' | 'inactive') =>
      body(
        api.PATCH('/api/activations/{activation_id}/', { params: { path: { activation_id: id } }, body: { status } }),
      ),
    onSuccess: show,
  });
}

function MoreMenu({ activation }: { activation: ActivationRead }) {
  const [dialog, setDialog] = useState<'edit' | 'replay' | 'delete' | null>(null);
  const close = () => setDialog(null);
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="default" size={30} aria-label={words.more}>
            <Icon name="more" />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => setDialog('edit')}>{words.edit}</Menu.Item>
          <Menu.Item onClick={() => setDialog('replay')}>{words.replay}</Menu.Item>
          <Menu.Item color="red" leftSection={<Icon name="trash" size={14} />} onClick={() => setDialog('delete')}>
            {words.delete}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {dialog === 'edit' && <ConnectorDialog activation={activation} onClose={close} />}
      {dialog === 'replay' && <Replay id={activation.id} onClose={close} />}
      {dialog === 'delete' && <Delete id={activation.id} onClose={close} />}
    </>
  );
}

function Delete({ id, onClose }: { id: number; onClose: () => void }) {
  const navigate = useNavigate();
  const changed = useActivationsChanged();
  const remove = async () => {
    await body(api.DELETE('/api/activations/{activation_id}/', { params: { path: { activation_id: id } } }));
    await navigate({ to: '/settings/$tab', params: { tab: 'activations' } });
    void changed();
  };
  return (
    <Confirm opened onClose={onClose} title={words.deleteTitle(id)} action={words.delete} onConfirm={remove}>
      {words.deleteEffect}
    </Confirm>
  );
}
