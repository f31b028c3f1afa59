import { builderWords as words } from '@/strings/builder-words';
import type { Fields } from '../editor/context';
import { itemOf } from '../editor/context';
import { useMarks } from '../editor/marks';
import { isList, type Json } from '../model/json';
import { MAX_STEPS, MIN_STEPS } from '../model/language';
import { DurationWord } from '../words/DurationWord';
import { EventWord } from '../words/EventWord';
import { NumberWord } from '../words/InputWord';
import { InstantWord } from '../words/InstantWord';
import { PropertyWord } from '../words/PropertyWord';
import { ChoiceWord } from '../words/Word';
import { Filters } from './Filters';
import { known, Less, More, Part, ThresholdWords, WindowWords } from './parts';
import classes from './sentences.module.css';

export interface SentenceProps {
  readonly fields: Fields;
}

function Event({ fields }: SentenceProps) {
  const marked = useMarks(fields);
  return (
    <EventWord
      value={fields.fields.event_type}
      onChange={(eventType) => fields.change({ event_type: eventType })}
      faulty={marked('event_type')}
    />
  );
}

/** "did page_viewed at least 3 times in the last 30 days with the same path where …" */
export function CountSentence({ fields }: SentenceProps) {
  const marked = useMarks(fields);
  const { value, per } = fields.fields;
  return (
    <>
      <div className={classes.line}>
        <span>{words.did}</span>
        <Event fields={fields} />
        <ThresholdWords fields={fields} names={words.counts} />
        <span>{words.timesAfter(value === 1)}</span>
        <WindowWords fields={fields} />
        {per !== undefined && (
          <Part remove={words.remove.per} onRemove={() => fields.change({ per: undefined })}>
            <span>{words.perWord}</span>
            <PropertyWord
              eventType={fields.fields.event_type}
              label={words.labels.per}
              value={per === '' ? undefined : per}
              onChange={(path) => fields.change({ per: path })}
              faulty={marked('per')}
            />
          </Part>
        )}
      </div>
      <Filters fields={fields} />
      {per === undefined && <More onClick={() => fields.change({ per: '' })}>{words.more.per}</More>}
    </>
  );
}

/** "the sum of price over purchase events is at least 100 in the last 30 days where …" */
export function AggregateSentence({ fields }: SentenceProps) {
  const marked = useMarks(fields);
  const { property, function: name, event_type } = fields.fields;
  return (
    <>
      <div className={classes.line}>
        <span>{words.the}</span>
        <ChoiceWord
          label={words.labels.function}
          names={words.functions}
          value={known(words.functions, name)}
          other={String(name)}
          onChoose={(next) => fields.change({ function: next })}
          faulty={marked('function')}
        />
        <span>{words.of}</span>
        <PropertyWord
          eventType={event_type}
          value={property}
          onChange={(path) => fields.change({ property: path })}
          faulty={marked('property')}
        />
        <span>{words.over}</span>
        <Event fields={fields} />
        <ThresholdWords fields={fields} names={words.bounds} />
        <WindowWords fields={fields} />
      </div>
      <Filters fields={fields} />
    </>
  );
}

/** "did login for the last time in the last 7 days where …" */
export function TimeSentence({ fields }: SentenceProps) {
  const marked = useMarks(fields);
  const { occurrence, operator, value } = fields.fields;
  const isInstant = operator === 'before' || operator === 'after';
  const setOperator = (next: string) => {
    const fits = (next === 'before' || next === 'after') === isInstant;
    fields.change({ operator: next, value: fits ? value : isInstant ? '30d' : undefined });
  };
  const Word = isInstant ? InstantWord : DurationWord;
  return (
    <>
      <div className={classes.line}>
        <span>{words.did}</span>
        <Event fields={fields} />
        <ChoiceWord
          label={words.labels.occurrence}
          names={words.occurrenceTime}
          value={known(words.occurrenceTime, occurrence)}
          other={String(occurrence)}
          onChoose={(next) => fields.change({ occurrence: next })}
          faulty={marked('occurrence')}
        />
        <ChoiceWord
          label={words.labels.operator}
          names={words.times}
          value={known(words.times, operator)}
          other={String(operator)}
          onChoose={setOperator}
          faulty={marked('operator')}
        />
        <Word
          label={isInstant ? words.labels.instant : words.labels.duration}
          value={value}
          onChange={(next: string | undefined) => fields.change({ value: next })}
          faulty={marked('value')}
        />
      </div>
      <Filters fields={fields} />
    </>
  );
}

/** "in the last search, q contains shoe, where …" */
export function MatchSentence({ fields }: SentenceProps) {
  const marked = useMarks(fields);
  return (
    <>
      <div className={classes.line}>
        <span>{words.inTheirs}</span>
        <ChoiceWord
          label={words.labels.occurrence}
          names={words.occurrence}
          value={known(words.occurrence, fields.fields.occurrence)}
          other={String(fields.fields.occurrence)}
          onChoose={(occurrence) => fields.change({ occurrence })}
          faulty={marked('occurrence')}
        />
        <Event fields={fields} />
        {isList(fields.fields.has) && fields.fields.has.length === 0 && (
          <span>
            {words.has} {words.anything}
          </span>
        )}
      </div>
      <Filters fields={fields} list="has" lead={words.has} add={words.more.has} />
      <Filters fields={fields} />
    </>
  );
}

/** "did login at least 1 times in at least 3 of the last 7 periods of 1 day where …" */
export function RegularitySentence({ fields }: SentenceProps) {
  const marked = useMarks(fields);
  const { count, at_least, of, period } = fields.fields;
  const number = (name: string, label: string, value: Json | undefined) => (
    <NumberWord
      label={label}
      value={value}
      whole
      onChange={(next) => fields.change({ [name]: next }, name)}
      faulty={marked(name)}
    />
  );
  return (
    <>
      <div className={classes.line}>
        <span>{words.did}</span>
        <Event fields={fields} />
        <span>{words.atLeast}</span>
        {number('count', words.labels.perPeriod, count ?? 1)}
        <span>{`${words.timesIn} ${words.atLeast}`}</span>
        {number('at_least', words.labels.atLeast, at_least)}
        <span>{words.ofTheLast}</span>
        {number('of', words.labels.periods, of)}
        <span>{words.periodsOf}</span>
        <DurationWord
          label={words.labels.period}
          value={period}
          onChange={(next) => fields.change({ period: next })}
          faulty={marked('period')}
        />
      </div>
      <Filters fields={fields} />
    </>
  );
}

/** "did in order, within 1 day: first search, then purchase" */
export function SequenceSentence({ fields }: SentenceProps) {
  const marked = useMarks(fields);
  const { steps, within, strict } = fields.fields;
  const items = isList(steps) ? steps : [];
  const set = (next: readonly Json[]) => fields.change({ steps: next });
  return (
    <>
      <div className={classes.line}>
        <span>{words.inOrder}</span>
        <DurationWord
          label={words.labels.duration}
          value={within}
          onChange={(next) => fields.change({ within: next })}
          faulty={marked('within')}
        />
        <ChoiceWord
          label={words.labels.strict}
          names={words.strict}
          value={strict === true ? 'yes' : 'no'}
          onChoose={(next) => fields.change({ strict: next === 'yes' || undefined })}
          faulty={marked('strict')}
        />
        <WindowWords fields={fields} />
      </div>
      {items.map((_, index) => (
        <div key={index} className={classes.step}>
          <div className={classes.line}>
            <span className={classes.lead}>{index === 0 ? words.first : words.next}</span>
            <Event fields={itemOf(fields, 'steps', index, items)} />
            {items.length > MIN_STEPS && (
              <Less label={words.remove.step} onClick={() => set(items.filter((_, place) => place !== index))} />
            )}
          </div>
          <div className={classes.inner}>
            <Filters fields={itemOf(fields, 'steps', index, items)} />
          </div>
        </div>
      ))}
      {items.length < MAX_STEPS && <More onClick={() => set([...items, {}])}>{words.more.step}</More>}
    </>
  );
}
