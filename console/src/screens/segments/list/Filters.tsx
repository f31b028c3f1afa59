import { Select, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useMemo, useState } from 'react';
import type { SegmentRead } from '@/api/types';
import { Icon } from '@/components/icons';
import { segments as words } from '@/strings/segments';
import type { SegmentFilter } from './queries';
import classes from './segments.module.css';

const PAUSE_MS = 250;
/** The longest tag and the longest search that the API takes. */
const LONGEST = { tag: 40, q: 255 };

/** Return all tags of the segments and those given, each once, in alphabetical order. */
export function tagsOf(segments: readonly Pick<SegmentRead, 'tags'>[], ...given: readonly string[]): string[] {
  return [...new Set([...segments.flatMap(({ tags }) => tags), ...given])].filter(Boolean).sort();
}

interface FiltersProps {
  filter: SegmentFilter;
  /** The segments whose tags are suggested. */
  segments: readonly SegmentRead[];
  onChange: (change: SegmentFilter) => void;
}

/** Search by name, description or id, and choose a tag. A tag that is not suggested can be written. */
export function Filters({ filter: { q, tag }, segments, onChange }: FiltersProps) {
  const [typed, setTyped] = useState('');
  const apply = useDebouncedCallback((next: string) => onChange({ q: next || undefined }), PAUSE_MS);
  const data = useMemo(() => tagsOf(segments, tag ?? '', typed.trim()), [segments, tag, typed]);
  return (
    <>
      <TextInput
        type="search"
        aria-label={words.search}
        placeholder={words.searchPlaceholder}
        leftSection={<Icon name="search" size={14} />}
        defaultValue={q ?? ''}
        maxLength={LONGEST.q}
        onChange={(event) => apply(event.currentTarget.value)}
        className={classes.search ?? ''}
      />
      <Select
        aria-label={words.tag}
        placeholder={words.anyTag}
        data={data}
        value={tag ?? null}
        onChange={(next) => onChange({ tag: next ?? undefined })}
        onSearchChange={setTyped}
        maxLength={LONGEST.tag}
        nothingFoundMessage={words.noTags}
        limit={50}
        searchable
        clearable
        className={classes.tagFilter ?? ''}
      />
    </>
  );
}
