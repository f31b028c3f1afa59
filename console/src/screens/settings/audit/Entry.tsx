import { Modal } from '@mantine/core';
import type { AuditEntryRead } from '@/api/types';
import { count } from '@/components/format';
import { Mono } from '@/components/Mono';
import { Time } from '@/components/Time';
import { settings } from '@/strings/settings';
import { useEmails } from '../queries';
import classes from '../settings.module.css';
import { actionWords, actorWords, targetWords } from './entries';

/** One entry with all of its details. */
export function Entry({ entry, onClose }: { entry: AuditEntryRead; onClose: () => void }) {
  const words = settings.audit;
  const emails = useEmails();
  return (
    <Modal opened onClose={onClose} title={words.entry(count(entry.number))} size={560}>
      <div className={classes.form}>
        <dl className={classes.facts}>
          <dt>{words.action}</dt>
          <dd>
            {actionWords(entry.action)} <code className="dim">{entry.action}</code>
          </dd>
          <dt>{words.actor}</dt>
          <dd>{actorWords(entry.actor_id, emails)}</dd>
          <dt>{words.at}</dt>
          <dd>
            <Time at={entry.at} long />
          </dd>
          <dt>{words.target}</dt>
          <dd>
            {targetWords(entry, emails)} <code className="dim">{entry.target}</code>
          </dd>
          {Object.entries(entry.details).map(([key, value]) => (
            <Detail key={key} name={key} value={value} />
          ))}
          <dt>{words.hash}</dt>
          <dd>
            <Mono>{entry.hash}</Mono>
          </dd>
          <dt>{words.previous}</dt>
          <dd>
            <Mono>{entry.previous_hash}</Mono>
          </dd>
        </dl>
        <p className="dim small">{words.chain}</p>
      </div>
    </Modal>
  );
}

function Detail({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>
        <code>{name}</code>
      </dt>
      <dd>{value}</dd>
    </>
  );
}
