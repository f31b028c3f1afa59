import { Radio, Stack } from '@mantine/core';
import type { KeyKind } from '@/api/types';
import { settings } from '@/strings/settings';

const KINDS: readonly KeyKind[] = ['secret', 'publishable'];

/** Secret or publishable, each with where it belongs. */
export function KindChoice({ value, onChange }: { value: KeyKind; onChange: (kind: KeyKind) => void }) {
  const words = settings.keys;
  return (
    <Radio.Group label={words.kind} value={value} onChange={(kind) => onChange(kind as KeyKind)}>
      <Stack gap={8} mt={6}>
        {KINDS.map((kind) => (
          <Radio key={kind} value={kind} label={words.kinds[kind]} description={words.kindHelp[kind]} />
        ))}
      </Stack>
    </Radio.Group>
  );
}
