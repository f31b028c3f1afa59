import type { SegmentDetail } from '@/api/types';
import { CopyButton } from '@/components/CopyButton';
import { count } from '@/components/format';
import { Icon } from '@/components/icons';
import { Time } from '@/components/Time';
import { segment as words } from '@/strings/segment';
import { segments as list } from '@/strings/segments';
import { Tags } from '../Tags';
import { useActor } from '../useActor';
import classes from './segment.module.css';

/** One line: size, freshness, refresh, version, owner and id; then tags, and why it is stale. */
export function About({ segment }: { segment: SegmentDetail }) {
  const { membership } = segment;
  const named = useActor();
  return (
    <>
      <div className={classes.about}>
        {membership.computed_at === null ? (
          <span>{words.neverComputed}</span>
        ) : (
          <>
            <strong>{words.users(count(segment.member_count), segment.member_count === 1)}</strong>
            <span>
              {words.computed} <Time at={membership.computed_at} />
            </span>
          </>
        )}
        <span>{segment.segment_type === 'static' ? list.type.static : list.refresh[segment.refresh]}</span>
        <span>{words.version(segment.version)}</span>
        {segment.owner !== null && <span>{list.owner(named(segment.owner))}</span>}
        <span className={classes.id}>
          {words.id} <code>{segment.id}</code>
          <CopyButton value={String(segment.id)} label={words.copyId} />
        </span>
      </div>
      <Tags tags={segment.tags} />
      {segment.description && <p>{segment.description}</p>}
      <Stale segment={segment} />
    </>
  );
}

function Stale({ segment: { membership } }: { segment: SegmentDetail }) {
  if (!membership.stale || membership.stale_reason === null) return null;
  return (
    <p className={classes.stale}>
      <Icon name="warning" size={14} />
      {words.stale[membership.stale_reason]} {membership.problem?.detail}
    </p>
  );
}
