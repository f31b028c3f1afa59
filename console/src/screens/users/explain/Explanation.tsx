import { ActionIcon } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ExplanationRead } from '@/api/types';
import { Icon } from '@/components/icons';
import { Empty, QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import { users as strings } from '@/strings/users';
import { useExplanation, useSegment } from '../queries';
import { ExplainedNode } from './ExplainedNode';
import classes from './explain.module.css';
import { NextChange } from './NextChange';

const words = strings.explain;

interface ExplanationProps {
  userId: string;
  segmentId: number;
  /** Whether the last run put the user in; undefined while that is not known. */
  published: boolean | undefined;
  onClose: () => void;
}

/** Why a user matches a segment now, or does not: the tree of its conditions with what decided each. */
export function Explanation({ userId, segmentId, published, onClose }: ExplanationProps) {
  const segment = useSegment(segmentId);
  const query = useExplanation(userId, segmentId);
  const name = segment.data?.name ?? String(segmentId);
  const definition = segment.data?.definition ?? null;
  const isList = segment.data !== undefined && definition === null;
  return (
    <section className={classes.explanation} aria-label={words.title(name)}>
      <header>
        <h2>{words.title(name)}</h2>
        <Link to="/segments/$segmentId" params={{ segmentId: String(segmentId) }} className="small">
          {words.openSegment}
        </Link>
        <ActionIcon onClick={onClose} aria-label={strings.segments.close}>
          <Icon name="close" size={14} />
        </ActionIcon>
      </header>
      {isList ? (
        <Empty title={name}>{words.missing}</Empty>
      ) : (
        <QueryState query={query}>
          {(data) => (
            <>
              <Verdict explanation={data} published={published} />
              <ul className={classes.tree}>
                <ExplainedNode node={data.tree} definition={definition} />
              </ul>
            </>
          )}
        </QueryState>
      )}
    </section>
  );
}

/** The verdict on the whole definition, and how it stands to what the last run published. */
function Verdict({ explanation, published }: { explanation: ExplanationRead; published: boolean | undefined }) {
  const { member, known, as_of, version, stale, stale_reason, next_change_at, next_change_unknown } = explanation;
  const differs = published !== undefined && published !== member;
  return (
    <div className={classes.verdict} data-member={member}>
      <strong>
        <Icon name={member ? 'check' : 'close'} size={14} /> {member ? words.in : words.out}
      </strong>
      <div className="dim small">
        {words.asOf} <Time at={as_of} long />
        {version !== null && ` · ${words.version(version)}`}
      </div>
      <NextChange holds={member} at={next_change_at} unknown={next_change_unknown} always />
      {!known && <p>{words.unknown}</p>}
      {differs && <p className={classes.differs}>{member ? words.publishedOut : words.publishedIn}</p>}
      {stale && <p className={classes.differs}>{stale_reason ?? words.stale}</p>}
    </div>
  );
}
