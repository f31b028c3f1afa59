import { Link } from '@tanstack/react-router';
import { segments as words } from '@/strings/segments';
import classes from './tags.module.css';

interface TagsProps {
  tags: readonly string[];
  /** At most so many characters are shown, on one line; the other tags are counted, and named on hover. */
  room?: number;
}

/** Return how many tags have at most so many characters in all; at least one. */
export function fittingTags(tags: readonly string[], room: number): number {
  let used = 0;
  const full = tags.findIndex((tag, at) => {
    used += tag.length;
    return used > room && at > 0;
  });
  return full === -1 ? tags.length : full;
}

/** The tags of a segment; each opens the list of segments that have it. */
export function Tags({ tags, room = Number.POSITIVE_INFINITY }: TagsProps) {
  if (tags.length === 0) return null;
  const shown = fittingTags(tags, room);
  return (
    <span className={classes.tags} data-line={Number.isFinite(room) || undefined}>
      {tags.slice(0, shown).map((tag) => (
        <Link key={tag} to="/segments" search={{ tag }} aria-label={words.tagged(tag)} className={classes.tag}>
          {tag}
        </Link>
      ))}
      {tags.length > shown && (
        <span className={classes.others} title={tags.slice(shown).join(', ')}>
          +{tags.length - shown}
        </span>
      )}
    </span>
  );
}
