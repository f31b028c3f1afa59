import { Radio, Stack } from '@mantine/core';
import type { OwnTenant } from '@/api/types';
import { settings } from '@/strings/settings';

interface TestChoiceProps {
  test: OwnTenant;
  value: boolean;
  onChange: (test: boolean) => void;
}

/** Live data or test data. */
export function TestChoice({ test, value, onChange }: TestChoiceProps) {
  const words = settings.keys;
  return (
    <Radio.Group label={words.data} value={value ? 'test' : 'live'} onChange={(data) => onChange(data === 'test')}>
      <Stack gap={8} mt={6}>
        <Radio value="live" label={words.dataOf.live} description={words.dataHelp.live} />
        <Radio value="test" label={words.dataOf.test} description={words.dataHelp.test(test.name)} />
      </Stack>
    </Radio.Group>
  );
}
