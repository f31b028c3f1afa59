import { Checkbox, Radio, Stack } from '@mantine/core';
import type { Scope } from '@/api/types';
import { settings } from '@/strings/settings';
import { DATA_SCOPES, EXTRA_SCOPES } from '../scopes';

interface ScopeChoiceProps {
  /** Null for everything with data. */
  value: Scope[] | null;
  onChange: (scopes: Scope[] | null) => void;
  error: string | null;
}

/** What a secret key may do: everything with data, or a choice. */
export function ScopeChoice({ value, onChange, error }: ScopeChoiceProps) {
  const words = settings.keys;
  return (
    <Stack gap={8}>
      <Radio.Group
        label={words.scopes}
        value={value === null ? 'all' : 'some'}
        onChange={(choice) => onChange(choice === 'all' ? null : ['events:write'])}
      >
        <Stack gap={8} mt={6}>
          <Radio value="all" label={words.allScopes} />
          <Radio value="some" label={words.someScopes} />
        </Stack>
      </Radio.Group>
      {value !== null && (
        <Checkbox.Group
          aria-label={words.scopes}
          value={value}
          onChange={(scopes) => onChange(scopes as Scope[])}
          error={error ?? (value.length === 0 ? words.noScope : null)}
        >
          <Stack gap={8} pl={26}>
            {[...DATA_SCOPES, ...EXTRA_SCOPES].map((scope) => (
              <Checkbox key={scope} value={scope} label={words.scopeWords[scope]} />
            ))}
          </Stack>
        </Checkbox.Group>
      )}
    </Stack>
  );
}
