import { Radio, Stack } from '@mantine/core';
import type { Role } from '@/api/types';
import { useTenant } from '@/app/tenant';
import { settings } from '@/strings/settings';
import { givable } from './roles';

interface RoleChoiceProps {
  value: Role;
  onChange: (role: Role) => void;
  error: string | null;
}

/** The roles that one may give, each with what it may do. */
export function RoleChoice({ value, onChange, error }: RoleChoiceProps) {
  const { role } = useTenant();
  return (
    <Radio.Group label={settings.role} value={value} onChange={(next) => onChange(next as Role)} error={error}>
      <Stack gap={8} mt={6}>
        {givable(role).map((option) => (
          <Radio key={option} value={option} label={settings.roles[option]} description={settings.may[option]} />
        ))}
      </Stack>
    </Radio.Group>
  );
}
