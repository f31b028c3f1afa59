import { ActionIcon, Button, Tooltip } from '@mantine/core';
import { useState } from 'react';
import { copyText } from '@/api/browser';
import { text } from '@/strings';
import { Icon } from './icons';

const SHOWN_MS = 1_500;

/** Copy a text. Return whether it was copied a moment ago, and the function that copies. */
function useCopy(value: string): [boolean, () => void] {
  const [copied, setCopied] = useState(false);
  const copy = () => {
    void copyText(value).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), SHOWN_MS);
    });
  };
  return [copied, copy];
}

interface CopyProps {
  value: string;
  /** What is copied, for screen readers: "Copy the key". */
  label?: string;
  /** Show a button with a word instead of an icon. */
  wide?: boolean;
}

/** A button that copies a value and says so. */
export function CopyButton({ value, label = text.common.copy, wide = false }: CopyProps) {
  const [copied, copy] = useCopy(value);
  const icon = <Icon name={copied ? 'check' : 'copy'} size={14} />;
  if (wide) {
    return (
      <Button variant="default" leftSection={icon} onClick={copy} aria-label={label}>
        {copied ? text.common.copied : text.common.copy}
      </Button>
    );
  }
  return (
    <Tooltip label={copied ? text.common.copied : label}>
      <ActionIcon aria-label={label} onClick={copy} size={22}>
        {icon}
      </ActionIcon>
    </Tooltip>
  );
}
