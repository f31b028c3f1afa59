import type { UploadAccepted } from '@/api/types';
import { count } from '@/components/format';
import { Icon } from '@/components/icons';
import { segment as words } from '@/strings/segment';
import classes from './list.module.css';

/** What the server understood of an upload. */
export function Understood({ accepted: { accepted, understood } }: { accepted: UploadAccepted }) {
  const { format, encoding, column, first_user_ids: first, trimmed, known } = understood;
  return (
    <section className={classes.understood} role="status">
      <h2>
        <Icon name="check" /> {words.list.accepted(count(accepted))}
      </h2>
      <p>
        {words.list.understood(format.toUpperCase(), encoding.toUpperCase())}
        {column !== null && `, ${words.list.column(column)}`}.
      </p>
      {first.length > 0 && (
        <p>
          {words.list.first}: <code>{first.join(' · ')}</code>
        </p>
      )}
      {trimmed > 0 && <p className="dim">{words.list.trimmed(count(trimmed))}</p>}
      {known && <p className="dim">{words.list.known(count(known.known), count(known.checked))}</p>}
    </section>
  );
}
