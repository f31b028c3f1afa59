import { Link } from '@tanstack/react-router';
import { builder as words } from '@/strings/builder';
import classes from './summary.module.css';

/** Ids of people, each a link to the person. */
export function UserLinks({ ids }: { readonly ids: readonly string[] }) {
  if (ids.length === 0) return <span className="dim">{words.sample.none}</span>;
  return (
    <ul className={classes.users}>
      {ids.map((id) => (
        <li key={id}>
          <Link to="/users/$userId" params={{ userId: id }} className="mono" title={words.sample.open(id)}>
            {id}
          </Link>
        </li>
      ))}
    </ul>
  );
}
