import { Link } from '@tanstack/react-router';
import type { RejectionRead } from '@/api/types';
import { count } from '@/components/format';
import { Detail } from '@/components/ProblemText';
import { Time } from '@/components/Time';
import { schemas } from '@/strings/schemas';
import classes from './schemas.module.css';

/** What violated a schema, the newest first, and where to replay what is quarantined. */
export function Violations({ entries }: { entries: readonly RejectionRead[] }) {
  const words = schemas.violations;
  if (entries.length === 0) return <p className="dim">{words.none}</p>;
  return (
    <section aria-label={words.title}>
      <h3>{words.title}</h3>
      <ul className={classes.violations}>
        {entries.slice(0, 20).map((entry) => (
          <li key={entry.id}>
            <code>{entry.path}</code> <Detail>{entry.detail}</Detail>{' '}
            <span className="dim">
              · {words.times(count(entry.count))} · <Time at={entry.at} />
            </span>
          </li>
        ))}
      </ul>
      <Link to="/ingestion" search={{ tab: 'letters' }}>
        {words.letters}
      </Link>
    </section>
  );
}
