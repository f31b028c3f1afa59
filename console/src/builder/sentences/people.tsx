import { builderWords as words } from '@/strings/builder-words';
import { partOf, useRows } from '../editor/context';
import { useMarks } from '../editor/marks';
import { isObject } from '../model/json';
import { DurationWord } from '../words/DurationWord';
import { InputWord, NumberWord } from '../words/InputWord';
import { SegmentWord } from '../words/SegmentWord';
import { ChoiceWord } from '../words/Word';
import type { SentenceProps } from './events';
import { TestWords } from './Filters';
import { known, More, Part } from './parts';
import classes from './sentences.module.css';

/** "plan is starter for at least 30 days" */
export function TraitSentence({ fields }: SentenceProps) {
  const marked = useMarks(fields);
  const held = fields.fields.held_for;
  const part = isObject(held) ? partOf(fields, 'held_for', held) : null;
  return (
    <>
      <div className={classes.line}>
        <TestWords test={fields} eventType={null} />
        {part && (
          <Part remove={words.remove.held} onRemove={() => fields.change({ held_for: undefined })}>
            <ChoiceWord
              label={words.labels.held}
              names={words.held}
              value={known(words.held, part.fields.operator)}
              other={String(part.fields.operator)}
              onChoose={(operator) => part.change({ operator })}
              faulty={marked('held_for.operator')}
            />
            <DurationWord
              label={words.labels.duration}
              value={part.fields.duration}
              onChange={(duration) => part.change({ duration })}
              faulty={marked('held_for.duration')}
            />
          </Part>
        )}
      </div>
      {!part && (
        <More onClick={() => fields.change({ held_for: { operator: 'gte', duration: '30d' } })}>{words.more.held}</More>
      )}
    </>
  );
}

/** "is in the segment Pricing visitors" */
export function SegmentSentence({ fields }: SentenceProps) {
  const marked = useMarks(fields);
  return (
    <div className={classes.line}>
      <span>{words.isIn}</span>
      <SegmentWord
        value={fields.fields.segment_id}
        onChange={(segmentId) => fields.change({ segment_id: segmentId })}
        faulty={marked('segment_id')}
      />
    </div>
  );
}

/** "is in a sample of 10 % drawn by spring" */
export function SampleSentence({ fields }: SentenceProps) {
  const marked = useMarks(fields);
  const { segmentId } = useRows();
  const { percent, seed } = fields.fields;
  return (
    <>
      <div className={classes.line}>
        <span>{words.sampleOf}</span>
        <NumberWord
          label={words.labels.percent}
          value={percent}
          onChange={(next) => fields.change({ percent: next }, 'percent')}
          faulty={marked('percent')}
        />
        <span>{words.percent}</span>
        {seed !== undefined && (
          <Part remove={words.remove.seed} onRemove={() => fields.change({ seed: undefined })}>
            <span>{words.seeded}</span>
            <InputWord
              label={words.labels.seed}
              value={String(seed)}
              ask={segmentId === null ? words.labels.seed : String(segmentId)}
              faulty={marked('seed')}
              onChange={(text) => {
                fields.change({ seed: text }, 'seed');
                return 'taken';
              }}
            />
          </Part>
        )}
      </div>
      {seed === undefined && <More onClick={() => fields.change({ seed: '' })}>{words.more.seed}</More>}
    </>
  );
}
