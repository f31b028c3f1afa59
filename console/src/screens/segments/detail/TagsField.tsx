import { TagsInput } from '@mantine/core';
import { segment as words } from '@/strings/segment';

const MOST = 20;
const LONGEST = 40;

/** Return what is wrong with the tags, or null. Characters are counted as the API does. */
export function tagsFault(tags: readonly string[]): string | null {
  const long = tags.find((tag) => [...tag].length > LONGEST);
  return long === undefined ? null : words.tagTooLong(long, LONGEST);
}

interface TagsFieldProps {
  value: readonly string[];
  error: string | null;
  onChange: (tags: string[]) => void;
}

/** The tags of a segment, each written and confirmed with Enter. */
export function TagsField({ value, error, onChange }: TagsFieldProps) {
  return (
    <TagsInput
      size="sm"
      label={words.tags}
      description={words.tagsHelp(MOST, LONGEST)}
      value={[...value]}
      error={error}
      onChange={(tags) => onChange(tags.map((tag) => tag.trim()).filter(Boolean))}
      maxTags={MOST}
      acceptValueOnBlur
    />
  );
}
