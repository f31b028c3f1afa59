import { count } from '@/components/format';
import { builderWords as words } from '@/strings/builder-words';
import { useSegments } from '../data/useCatalogue';
import { useRows } from '../editor/context';
import { isNumber, type Json } from '../model/json';
import { Word } from './Word';

interface SegmentWordProps {
  readonly value: Json | undefined;
  readonly onChange: (segmentId: number) => void;
  readonly faulty: boolean;
}

/** Another segment of the tenant, by its name. */
export function SegmentWord({ value, onChange, faulty }: SegmentWordProps) {
  const { tenant, segmentId } = useRows();
  const segments = useSegments(tenant, true);
  const id = isNumber(value) ? String(value) : null;
  const name = segments.data?.find((segment) => String(segment.id) === id)?.name;
  const others = (segments.data ?? []).filter((segment) => segment.id !== segmentId);
  return (
    <Word
      label={words.labels.segment}
      shown={id === null ? null : (name ?? words.picker.unknownSegment(id))}
      ask={words.choose.segment}
      look="value"
      choices={others.map((segment) => ({
        key: String(segment.id),
        label: segment.name,
        detail: count(segment.member_count),
      }))}
      note={segments.isError ? words.picker.noSuggestions : undefined}
      selected={id === null ? [] : [id]}
      onChoose={(key) => onChange(Number(key))}
      faulty={faulty}
    />
  );
}
