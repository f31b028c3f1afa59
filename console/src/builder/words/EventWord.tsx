import { count } from '@/components/format';
import { builderWords as words } from '@/strings/builder-words';
import { useEventTypes } from '../data/useCatalogue';
import { useRows } from '../editor/context';
import type { Json } from '../model/json';
import type { Choice } from './Picker';
import { Word } from './Word';

interface EventWordProps {
  readonly value: Json | undefined;
  readonly onChange: (eventType: string) => void;
  readonly faulty: boolean;
}

/** An event type: one that was seen, a new name, or a prefix such as `page_*`. */
export function EventWord({ value, onChange, faulty }: EventWordProps) {
  const { tenant } = useRows();
  const types = useEventTypes(tenant);
  const name = typeof value === 'string' ? value : null;
  const choices = (types.data ?? []).map(
    (type): Choice => ({
      key: type.event_type.replaceAll('*', '\\*'),
      label: type.event_type,
      detail: words.picker.seen(count(type.count)),
    }),
  );
  return (
    <Word
      label={words.labels.event}
      shown={name === null ? null : nameOf(name)}
      ask={words.choose.event}
      look="value"
      choices={choices}
      create={made}
      note={types.isError ? words.picker.noSuggestions : undefined}
      selected={name === null ? [] : [name]}
      onChoose={onChange}
      faulty={faulty}
    />
  );
}

function nameOf(eventType: string): string {
  return eventType === '*' ? words.picker.everyEvent : eventType.replaceAll('\\*', '*');
}

/** Return the event types that a person may mean: a trailing star makes a prefix. */
function made(typed: string): readonly Choice[] {
  const name = typed.trim();
  if (name === '') return [{ key: '*', label: words.picker.everyEvent, detail: '*' }];
  if (name === '*') return [{ key: '*', label: words.picker.everyEvent }];
  const isPrefix = name.endsWith('*');
  const bare = (isPrefix ? name.slice(0, -1) : name).replaceAll('*', '\\*');
  const exact: Choice = { key: bare, label: words.picker.use(name) };
  const prefix: Choice = { key: `${bare}*`, label: `${bare}*`, detail: words.picker.prefix(bare) };
  return isPrefix ? [prefix] : [exact, prefix];
}
