import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { asProblem } from '@/api/problem';
import { text } from '@/strings';
import { ProblemText } from './ProblemText';

interface ConfirmProps {
  opened: boolean;
  onClose: () => void;
  title: string;
  /** What will happen. */
  children: ReactNode;
  /** The verb on the button. */
  action: string;
  onConfirm: () => Promise<unknown>;
  /** Set if it cannot be undone: the name that must be typed. */
  name?: string;
  /** Red unless the act is harmless. */
  color?: string;
}

/** Ask before an act, say what it does, and show why it failed. */
export function Confirm({ opened, onClose, title, children, action, onConfirm, name, color = 'red.9' }: ConfirmProps) {
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const close = () => {
    setTyped('');
    setError(null);
    onClose();
  };
  const confirm = async () => {
    setBusy(true);
    setError(null);
    await onConfirm().then(close, setError);
    setBusy(false);
  };
  return (
    <Modal opened={opened} onClose={close} title={title}>
      <Stack>
        <div>{children}</div>
        {name !== undefined && (
          <TextInput
            label={text.common.typeToConfirm(name)}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            data-autofocus
          />
        )}
        {error !== null && <ProblemText problem={asProblem(error)} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            {text.common.cancel}
          </Button>
          <Button color={color} loading={busy} disabled={name !== undefined && typed !== name} onClick={confirm}>
            {action}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
