import { Link } from '@tanstack/react-router';
import { segments as words } from '@/strings/segments';
import classes from './tags.module.css';

interface TagsProps {
  tags: readonly string[];
  /** How many are shown; the others are counted, and named on hover. */
  most?: number;
}

/** The tags of a segment; each opens the list of segments that have it. */
export function Tags({ tags, most = Number.POSITIVE_INFINITY }: TagsProps) {
  if (tags.length === 0) return null;
  return (
    <span className={classes.tags} data-line={most < Number.POSITIVE_INFINITY || undefined}>
      {tags.slice(0, most).map((tag) => (
        <Link key={tag} to="/segments" search={{ tag }} aria-label={words.tagged(tag)} className={classes.tag}>
          {tag}
        </Link>
      ))}
      {tags.length > most && (
        <span className={classes.others} title={tags.slice(most).join(', ')}>
          +{tags.length - most}
        </span>
      )}
    </span>
  );
}
