import { useState } from 'react';
import { builderWords as words } from '@/strings/builder-words';
import { useProperties } from '../data/useCatalogue';
import { useRows } from '../editor/context';
import type { Json } from '../model/json';
import { propertyChoices } from './catalogue';
import { Word } from './Word';

interface PropertyWordProps {
  /** The event type that has the property; null for traits. */
  readonly eventType: Json | undefined;
  readonly value: Json | undefined;
  readonly onChange: (path: string) => void;
  readonly faulty: boolean;
  readonly label?: string;
}

/** A property of an event, or a trait. */
export function PropertyWord({ eventType, value, onChange, faulty, label }: PropertyWordProps) {
  const { tenant } = useRows();
  const [opened, setOpened] = useState(false);
  const isTrait = eventType === null;
  const properties = useProperties(
    tenant,
    typeof eventType === 'string' ? eventType : null,
    opened && eventType !== undefined,
  );
  const path = typeof value === 'string' ? value : null;
  return (
    <Word
      label={label ?? (isTrait ? words.labels.trait : words.labels.property)}
      shown={path}
      ask={isTrait ? words.choose.trait : words.choose.property}
      look="value"
      choices={propertyChoices(properties.data ?? [])}
      create={(typed) => (typed.trim() === '' ? [] : [{ key: typed.trim(), label: words.picker.use(typed.trim()) }])}
      note={properties.isError ? words.picker.noSuggestions : undefined}
      selected={path === null ? [] : [path]}
      onOpen={() => setOpened(true)}
      onChoose={onChange}
      faulty={faulty}
    />
  );
}
