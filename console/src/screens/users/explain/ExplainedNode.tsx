import { Link } from '@tanstack/react-router';
import type { ExplainedRead, Group, Node } from '@/api/types';
import { count, exact } from '@/components/format';
import { Icon } from '@/components/icons';
import { users as strings } from '@/strings/users';
import { EventLink } from '../EventLink';
import { useSegment, useSentence } from '../queries';
import classes from './explain.module.css';
import { NextChange } from './NextChange';
import { evidenceWords, groupWords, nodeAt, phraseOf } from './tree';

const words = strings.explain;

interface NodeProps {
  node: ExplainedRead;
  /** The definition that the node is part of; null until it is read. */
  definition: Group | null;
}

/** A node of the tree: verdict, what it asks, what decided, and what is below it. */
export function ExplainedNode({ node, definition }: NodeProps) {
  const { holds, unmet, next_change_at, next_change_unknown } = node;
  return (
    <li className={classes.node} data-holds={holds}>
      <span className={classes.mark} role="img" aria-label={holds ? words.holds : words.fails}>
        <Icon name={holds ? 'check' : 'close'} size={14} />
      </span>
      <div className={classes.content}>
        <div className={classes.line}>
          <Title node={node} definition={definition} />
          <span className={classes.evidence}>{evidenceWords(node)}</span>
        </div>
        {unmet && node.type !== 'group' && <div className={classes.unmet}>{words.needs(unmet)}</div>}
        {node.path !== 'definition' && <NextChange holds={holds} at={next_change_at} unknown={next_change_unknown} />}
        <Evidence node={node} />
        <Children node={node} definition={definition} />
      </div>
    </li>
  );
}

function Title({ node, definition }: NodeProps) {
  if (node.type === 'group') return <strong>{words[groupWords(node)]}</strong>;
  if (typeof node.segment_id === 'number') return <SegmentTitle id={node.segment_id} negate={node.negate} />;
  return <Phrase condition={definition === null ? undefined : nodeAt(definition, node.path)} fallback={node.type} />;
}

function Phrase({ condition, fallback }: { condition: Node | undefined; fallback: string }) {
  const { data } = useSentence(condition);
  return <span>{data === undefined ? fallback.replaceAll('_', ' ') : phraseOf(data)}</span>;
}

function SegmentTitle({ id, negate }: { id: number; negate: boolean }) {
  const { data } = useSegment(id);
  return (
    <span>
      {negate ? words.notInSegment : words.inSegment}{' '}
      <Link to="/segments/$segmentId" params={{ segmentId: String(id) }}>
        {data?.name ?? id}
      </Link>
    </span>
  );
}

/** The deciding events; each opens beside the profile. */
function Evidence({ node: { events, event_count } }: { node: ExplainedRead }) {
  if (events.length === 0) return null;
  const all = event_count > events.length;
  const mixed = events.some(({ event_type }) => event_type !== events[0]?.event_type);
  return (
    <div className={classes.events}>
      <span className="dim small">{all ? words.events(count(events.length), count(event_count)) : words.deciding}</span>
      {events.map(({ message_id, event_type, timestamp }) => (
        <EventLink
          key={`${message_id} ${event_type}`}
          messageId={message_id}
          at={timestamp}
          className={classes.event}
          label={`${event_type} ${exact(timestamp)}`}
        >
          {mixed && `${event_type} `}
          {exact(timestamp)}
        </EventLink>
      ))}
    </div>
  );
}

function Children({ node, definition }: NodeProps) {
  if (node.children.length === 0) return null;
  if (typeof node.segment_id === 'number') return <Referenced node={node} segmentId={node.segment_id} />;
  return (
    <ul className={classes.tree}>
      {node.children.map((child) => (
        <ExplainedNode key={child.path} node={child} definition={definition} />
      ))}
    </ul>
  );
}

/** The tree of a segment that a condition refers to, by that segment's definition. */
function Referenced({ node, segmentId }: { node: ExplainedRead; segmentId: number }) {
  const { data } = useSegment(segmentId);
  return (
    <ul className={classes.tree}>
      {node.children.map((child) => (
        <ExplainedNode key={child.path} node={child} definition={data?.definition ?? null} />
      ))}
    </ul>
  );
}
