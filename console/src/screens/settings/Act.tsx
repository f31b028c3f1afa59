import { ActionIcon, Tooltip } from '@mantine/core';
import { Icon, type IconName } from '@/components/icons';

interface ActProps {
  icon: IconName;
  tip: string;
  /** The act and what it is done to, for screen readers. */
  label: string;
  onClick: () => void;
}

/** A small button at the end of a row. */
export function Act({ icon, tip, label, onClick }: ActProps) {
  return (
    <Tooltip label={tip}>
      <ActionIcon aria-label={label} size={26} onClick={onClick}>
        <Icon name={icon} size={14} />
      </ActionIcon>
    </Tooltip>
  );
}
