import { Button, Select, TextInput } from '@mantine/core';
import { useState } from 'react';
import { count } from '@/components/format';
import { settings } from '@/strings/settings';
import { useEmails } from '../queries';
import classes from '../settings.module.css';
import { actionWords } from './entries';
import { type AuditFilter, type Given, selecting } from './filter';

const words = settings.audit;

const ACTIONS = Object.entries(words.groups).map(([prefix, group]) => ({
  group,
  items: Object.keys(words.words)
    .filter((action) => action.startsWith(`${prefix}.`))
    .map((action) => ({ value: action, label: actionWords(action) })),
}));
const KINDS = Object.entries(words.targets).map(([value, label]) => ({ value, label }));

interface FiltersProps {
  filter: AuditFilter;
  onChange: (change: Given) => void;
  total: number | null;
}

/** What was done, by whom, to what and when, and how many entries that leaves. */
export function Filters({ filter, onChange, total }: FiltersProps) {
  const emails = [...useEmails()].map(([id, email]) => ({ value: String(id), label: email }));
  const filtered = Object.keys(filter).length > 0;
  return (
    <search className={classes.filters}>
      <Select
        aria-label={words.filterAction}
        placeholder={words.anyAction}
        data={ACTIONS}
        value={filter.action ?? null}
        onChange={(action) => onChange({ action })}
        searchable
        clearable
        w={210}
      />
      <Select
        aria-label={words.filterActor}
        placeholder={words.anyActor}
        data={withOwn(emails, filter.actor, words.unknown(Number(filter.actor)))}
        value={filter.actor ?? null}
        onChange={(actor) => onChange({ actor })}
        searchable
        clearable
        w={190}
      />
      <Target target={filter.target} onChange={(target) => onChange({ target })} />
      <Day label={words.since} word={words.sinceWord} value={filter.since} onChange={(since) => onChange({ since })} />
      <Day label={words.until} word={words.untilWord} value={filter.until} onChange={(until) => onChange({ until })} />
      {filtered && (
        <Button
          variant="default"
          onClick={() => onChange({ action: null, actor: null, target: null, since: null, until: null })}
        >
          {words.clear}
        </Button>
      )}
      {total !== null && (
        <span className="dim" role="status">
          {words.entries(count(total), total === 1)}
        </span>
      )}
    </search>
  );
}

interface Option {
  value: string;
  label: string;
}

/** Return the options, with one more for a value that is not among them. */
function withOwn(options: readonly Option[], value: string | undefined, label: string): Option[] {
  const listed = value === undefined || options.some((option) => option.value === value);
  return listed ? [...options] : [...options, { value, label }];
}

/** A kind of object, or one object, which can be written as `user:7`. */
function Target({ target, onChange }: { target: string | undefined; onChange: (target: string | null) => void }) {
  const [typed, setTyped] = useState('');
  const own = selecting({ target: typed }).target;
  return (
    <Select
      aria-label={words.filterTarget}
      placeholder={words.anyTarget}
      data={withOwn(withOwn(KINDS, target, target ?? ''), typed.includes(':') ? own : undefined, typed)}
      value={target ?? null}
      onChange={onChange}
      onSearchChange={setTyped}
      nothingFoundMessage={words.targetHelp}
      searchable
      clearable
      w={160}
    />
  );
}

interface DayProps {
  label: string;
  /** Inside of the field. */
  word: string;
  value: string | undefined;
  onChange: (day: string) => void;
}

function Day({ label, word, value = '', onChange }: DayProps) {
  return (
    <TextInput
      type="date"
      aria-label={label}
      title={label}
      leftSection={<span className="dim">{word}</span>}
      leftSectionWidth={46}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
