import { type Service, useOutages } from '@/api/outage';
import { Icon } from '@/components/icons';
import { text } from '@/strings';
import classes from './frame.module.css';

/** A banner while a part of the product is away: which one, and what still works. */
export function Outage() {
  const away = useOutages();
  if (away.length === 0) return null;
  const shown: readonly Service[] = away.includes('all') ? ['all'] : away;
  return (
    <div className={classes.outage} role="status">
      <Icon name="warning" />
      <div>
        {shown.map((service) => (
          <p key={service}>
            <strong>{text.frame.outage.title(text.frame.outage.names[service])}</strong>{' '}
            {text.frame.outage.works[service]}
          </p>
        ))}
        <p className="dim">{text.frame.outage.again}</p>
      </div>
    </div>
  );
}
