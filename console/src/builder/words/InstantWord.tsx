import { utc } from '@/components/format';
import { builderWords as words } from '@/strings/builder-words';
import { useRows } from '../editor/context';
import { guessDurations, readInstant, writeDuration, writeInstant } from '../model/durations';
import type { Json } from '../model/json';
import { durationText } from './DurationWord';
import type { Choice } from './Picker';
import { Word } from './Word';
import classes from './words.module.css';

interface InstantWordProps {
  readonly label: string;
  readonly value: Json | undefined;
  readonly onChange: (instant: string | undefined) => void;
  readonly faulty: boolean;
}

/** A date and a time in the zone of the viewer. */
export function InstantWord({ label, value, onChange, faulty }: InstantWordProps) {
  const { readOnly } = useRows();
  const time = typeof value === 'string' ? readInstant(value) : null;
  return (
    <input
      type="datetime-local"
      step={1}
      data-word={time === null ? 'empty' : ''}
      data-faulty={faulty || undefined}
      data-look="value"
      className={classes.input}
      aria-label={label}
      aria-invalid={faulty}
      title={time === null ? undefined : `${utc(writeInstant(time))} UTC`}
      disabled={readOnly}
      value={time === null ? '' : localText(time)}
      onChange={(event) => {
        const typed = Date.parse(event.currentTarget.value);
        onChange(Number.isNaN(typed) ? undefined : writeInstant(typed));
      }}
    />
  );
}

/** Return an instant as the field of the browser writes it. */
function localText(time: number): string {
  const offset = new Date(time).getTimezoneOffset() * 60_000;
  return new Date(time - offset).toISOString().slice(0, 19);
}

const USUAL: readonly string[] = ['1d', '7d', '14d', '30d', '60d', '90d', '180d', '365d'];
const DATE = 'date';

/** An end of a window: a duration before now, or a date and a time. */
export function PointWord(props: InstantWordProps) {
  const { label, value, onChange, faulty } = props;
  const point = typeof value === 'string' ? value : null;
  if (point !== null && !point.startsWith('-')) {
    return (
      <>
        <InstantWord {...props} />
        <PointChoice label={label} shown="▾" selected={null} onChange={onChange} faulty={false} />
      </>
    );
  }
  return (
    <PointChoice label={label} shown={point && agoText(point)} selected={point} onChange={onChange} faulty={faulty} />
  );
}

interface PointChoiceProps {
  readonly label: string;
  readonly shown: string | null;
  readonly selected: string | null;
  readonly onChange: (point: string) => void;
  readonly faulty: boolean;
}

function PointChoice({ label, shown, selected, onChange, faulty }: PointChoiceProps) {
  return (
    <Word
      label={label}
      shown={shown}
      ask={words.choose.duration}
      look="value"
      choices={[...USUAL.map((duration) => agoChoice(duration)), { key: DATE, label: words.picker.onDate }]}
      create={(typed) => guessDurations(typed).map((guess) => agoChoice(writeDuration(guess)))}
      selected={selected === null ? [] : [selected]}
      onChoose={(key) => onChange(key === DATE ? writeInstant(startOfDay()) : key)}
      faulty={faulty}
    />
  );
}

function agoChoice(duration: string): Choice {
  return { key: `-${duration}`, label: words.ago(durationText(duration)) };
}

function agoText(point: string): string {
  return words.ago(durationText(point.slice(1)));
}

function startOfDay(): number {
  return new Date().setHours(0, 0, 0, 0);
}
