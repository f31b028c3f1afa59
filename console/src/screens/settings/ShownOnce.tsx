import { Button, Modal, Stack } from '@mantine/core';
import type { ReactNode } from 'react';
import { CopyButton } from '@/components/CopyButton';
import { settings } from '@/strings/settings';
import classes from './settings.module.css';

interface ShownOnceProps {
  title: string;
  onDone: () => void;
  /** The words on the button. */
  action?: string;
  children: ReactNode;
}

/** A dialog with a secret. It closes only by its button, so that no stray key loses the secret. */
export function ShownOnce({ title, onDone, action = settings.savedIt, children }: ShownOnceProps) {
  return (
    <Modal
      opened
      onClose={() => undefined}
      withCloseButton={false}
      closeOnClickOutside={false}
      closeOnEscape={false}
      title={title}
    >
      <Stack>
        {children}
        <div>
          <Button onClick={onDone}>{action}</Button>
        </div>
      </Stack>
    </Modal>
  );
}

/** A secret in full, with a button that copies it. */
export function Secret({ value, label, testId }: { value: string; label: string; testId: string }) {
  return (
    <div className={classes.secret}>
      <code data-testid={testId}>{value}</code>
      <CopyButton value={value} label={label} wide />
    </div>
  );
}
