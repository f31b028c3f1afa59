import { builderWords as words } from '@/strings/builder-words';
import { guessDurations, readDuration, writeDuration } from '../model/durations';
import type { Json } from '../model/json';
import type { Choice } from './Picker';
import { Word } from './Word';

interface DurationWordProps {
  readonly label: string;
  readonly value: Json | undefined;
  readonly onChange: (duration: string) => void;
  readonly faulty: boolean;
}

const USUAL: readonly string[] = ['1h', '12h', '1d', '3d', '7d', '14d', '30d', '60d', '90d', '180d', '365d'];

/** A length of time: a usual one, or what is typed, such as `45 d` or `2 weeks`. */
export function DurationWord({ label, value, onChange, faulty }: DurationWordProps) {
  const duration = typeof value === 'string' ? value : null;
  return (
    <Word
      label={label}
      shown={duration === null ? null : durationText(duration)}
      ask={words.choose.duration}
      look="value"
      choices={USUAL.map(durationChoice)}
      create={(typed) => guessDurations(typed).map((guess) => durationChoice(writeDuration(guess)))}
      selected={duration === null ? [] : [duration]}
      onChoose={onChange}
      faulty={faulty}
    />
  );
}

export function durationChoice(duration: string): Choice {
  return { key: duration, label: durationText(duration) };
}

/** Return a duration in words, such as `30 days`; any other text as it is. */
export function durationText(text: string): string {
  const duration = readDuration(text);
  return duration === null ? text : words.duration(duration.amount, duration.unit);
}
