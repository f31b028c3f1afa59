import { ActionIcon } from '@mantine/core';
import type { ReactNode } from 'react';
import { Icon } from '@/components/icons';
import { text } from '@/strings';
import classes from '../activations.module.css';

interface NoticeProps {
  kind: 'held' | 'failed' | 'done' | 'waits';
  /** Buttons for what can be done. */
  actions?: ReactNode;
  /** Set if it can be dismissed. */
  onClose?: () => void;
  children: ReactNode;
}

/** A line over the whole width: what has happened, and what can be done. */
export function Notice({ kind, actions, onClose, children }: NoticeProps) {
  return (
    <div className={classes.notice} role="status" data-kind={kind}>
      <div>{children}</div>
      {actions !== undefined && <div className={classes.buttons}>{actions}</div>}
      {onClose !== undefined && (
        <ActionIcon aria-label={text.common.close} onClick={onClose} size={22}>
          <Icon name="close" size={14} />
        </ActionIcon>
      )}
    </div>
  );
}
