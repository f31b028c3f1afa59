import { builderWords as words } from '@/strings/builder-words';
import { type Fields, itemOf } from '../editor/context';
import { useMarks } from '../editor/marks';
import { isList, type Json } from '../model/json';
import { withOperator } from '../model/language';
import { PropertyWord } from '../words/PropertyWord';
import { ValueWord } from '../words/ValueWord';
import { ChoiceWord } from '../words/Word';
import { known, Less, More } from './parts';
import classes from './sentences.module.css';

interface FiltersProps {
  /** The condition or step whose filters they are. */
  readonly fields: Fields;
  readonly list?: 'where' | 'has';
  /** The word before the first filter. */
  readonly lead?: string;
  readonly add?: string;
}

const NEW_FILTER: Json = { operator: 'eq' };

/** Filters, a line each; every one must hold. */
export function Filters({ fields, list = 'where', lead = words.where, add = words.more.filter }: FiltersProps) {
  const value = fields.fields[list];
  const items = isList(value) ? value : [];
  const set = (next: readonly Json[]) =>
    fields.change({ [list]: list === 'where' && next.length === 0 ? undefined : next });
  return (
    <>
      {items.map((_, index) => (
        <div key={index} className={classes.line}>
          <span className={classes.lead}>{index === 0 ? lead : words.whereAnd}</span>
          <TestWords test={itemOf(fields, list, index, items)} eventType={fields.fields.event_type} />
          <Less label={words.remove.filter} onClick={() => set(items.filter((_, place) => place !== index))} />
        </div>
      ))}
      <More onClick={() => set([...items, NEW_FILTER])}>{add}</More>
    </>
  );
}

interface TestProps {
  readonly test: Fields;
  /** The event type that has the property; null for traits. */
  readonly eventType: Json | undefined;
}

/** A property, an operator and a value. */
export function TestWords({ test, eventType }: TestProps) {
  const marked = useMarks(test);
  const { property, operator, value } = test.fields;
  return (
    <>
      <PropertyWord
        eventType={eventType}
        value={property}
        onChange={(path) => test.change({ property: path })}
        faulty={marked('property')}
      />
      <ChoiceWord
        label={words.labels.operator}
        names={words.operators}
        value={known(words.operators, operator)}
        other={String(operator)}
        onChoose={(next) => test.change(withOperator(next, value))}
        faulty={marked('operator')}
      />
      <ValueWord eventType={eventType} test={test} faulty={marked('value')} />
    </>
  );
}
