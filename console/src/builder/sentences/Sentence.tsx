import type { ReactElement } from 'react';
import { builder } from '@/strings/builder';
import { useFields } from '../editor/context';
import { writeJson } from '../model/json';
import { type ConditionType, typeOf } from '../model/language';
import type { ConditionNode } from '../model/tree';
import {
  AggregateSentence,
  CountSentence,
  MatchSentence,
  RegularitySentence,
  type SentenceProps,
  SequenceSentence,
  TimeSentence,
} from './events';
import { SampleSentence, SegmentSentence, TraitSentence } from './people';
import classes from './sentences.module.css';

const SENTENCES: Readonly<Record<ConditionType, (props: SentenceProps) => ReactElement>> = {
  event_count: CountSentence,
  event_aggregate: AggregateSentence,
  event_time: TimeSentence,
  event_match: MatchSentence,
  event_sequence: SequenceSentence,
  event_regularity: RegularitySentence,
  user_property: TraitSentence,
  segment: SegmentSentence,
  sample: SampleSentence,
};

/** A condition as a sentence whose words are controls. */
export function Sentence({ node }: { readonly node: ConditionNode }) {
  const fields = useFields(node.id, node.fields);
  const type = typeOf(node.fields);
  if (type === null) {
    return (
      <div className={classes.line} title={writeJson(node.fields)}>
        {builder.row.unknown(String(node.fields.type))}
      </div>
    );
  }
  const Words = SENTENCES[type];
  return <Words fields={fields} />;
}
