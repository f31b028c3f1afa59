import { Modal, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useNavigate } from '@tanstack/react-router';
import { type KeyboardEvent, useId, useState } from 'react';
import { Icon } from '@/components/icons';
import { text } from '@/strings';
import { type Found, useFound } from './found';
import classes from './palette.module.css';

const PAUSE_MS = 150;

/** Return the index after a key, within a list of the given length. */
export function moved(key: string, at: number, length: number): number {
  const step = { ArrowDown: 1, ArrowUp: -1 }[key];
  return step === undefined || length === 0 ? at : (at + step + length) % length;
}

/** ⌘K: find pages, segments, users and event types, and go there. */
export function Palette({ onClose }: { onClose: () => void }) {
  const [query, setQuery] = useState('');
  const [settled] = useDebouncedValue(query, PAUSE_MS);
  const [at, setAt] = useState(0);
  const found = useFound(query, settled);
  const navigate = useNavigate();
  const list = useId();
  const open = (item: Found | undefined) => {
    if (!item) return;
    onClose();
    void navigate({ to: item.to });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter') open(found[at]);
    const next = moved(event.key, at, found.length);
    if (next !== at) event.preventDefault();
    setAt(next);
  };
  return (
    <Modal opened onClose={onClose} withCloseButton={false} padding={0} size={560} yOffset="12vh" centered={false}>
      <Modal.Title className="hidden">{text.frame.palette.title}</Modal.Title>
      <TextInput
        variant="unstyled"
        className={classes.input ?? ''}
        leftSection={<Icon name="search" />}
        aria-label={text.frame.palette.title}
        placeholder={text.frame.palette.placeholder}
        role="combobox"
        aria-expanded
        aria-controls={list}
        aria-activedescendant={found[at] ? `${list}-${at}` : undefined}
        value={query}
        onChange={(event) => {
          setQuery(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
        data-autofocus
      />
      <Results id={list} found={found} at={at} onOpen={open} />
    </Modal>
  );
}

interface ResultsProps {
  id: string;
  found: readonly Found[];
  at: number;
  onOpen: (item: Found) => void;
}

function Results({ id, found, at, onOpen }: ResultsProps) {
  return (
    <div id={id} role="listbox" aria-label={text.frame.palette.title} className={classes.results}>
      {found.length === 0 && <p className={classes.nothing}>{text.frame.palette.nothing}</p>}
      {found.map((item, index) => (
        <div key={item.key}>
          {item.group !== found[index - 1]?.group && <div className={classes.group}>{item.group}</div>}
          {/* biome-ignore lint/a11y/useKeyWithClickEvents: the input above handles the keys of the list */}
          {/* biome-ignore lint/a11y/useFocusableInteractive: the input keeps the focus */}
          <div
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === at}
            className={classes.item}
            onClick={() => onOpen(item)}
          >
            <Icon name={item.icon} />
            <span>{item.label}</span>
            {item.detail !== undefined && <span className="dim small">{item.detail}</span>}
          </div>
        </div>
      ))}
    </div>
  );
}
