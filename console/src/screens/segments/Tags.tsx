import { Link } from '@tanstack/react-router';
import { segments as words } from '@/strings/segments';
import classes from './tags.module.css';

/** The tags of a segment; each opens the list of segments that have it. */
export function Tags({ tags }: { tags: readonly string[] }) {
  if (tags.length === 0) return null;
  return (
    <span className={classes.tags}>
      {tags.map((tag) => (
        <Link key={tag} to="/segments" search={{ tag }} aria-label={words.tagged(tag)} className={classes.tag}>
          {tag}
        </Link>
      ))}
    </span>
  );
}
