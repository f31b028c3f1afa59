import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

interface EventLinkProps {
  messageId: string;
  /** When it occurred, to the millisecond. */
  at: string;
  label?: string;
  className?: string | undefined;
  children: ReactNode;
}

/** Opens an event of the shown user beside the profile, at an address of its own. */
export function EventLink({ messageId, at, label, className, children }: EventLinkProps) {
  return (
    <Link
      to="."
      search={(old: object) => ({ ...old, event: messageId, at })}
      {...(label === undefined ? {} : { 'aria-label': label })}
      {...(className === undefined ? {} : { className })}
    >
      {children}
    </Link>
  );
}
