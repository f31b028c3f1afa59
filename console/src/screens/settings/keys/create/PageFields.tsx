import { Checkbox, Stack, Textarea } from '@mantine/core';
import { settings } from '@/strings/settings';
import { faultAt } from '../../fields';
import type { KeyDraft } from '../scopes';

interface PageFieldsProps {
  draft: KeyDraft;
  onChange: (part: Partial<KeyDraft>) => void;
  error: unknown;
}

/** What only a publishable key has: its origins, and whether user ids must be signed. */
export function PageFields({ draft, onChange, error }: PageFieldsProps) {
  const words = settings.keys;
  return (
    <Stack>
      <Textarea
        label={words.origins}
        description={words.originsHelp}
        minRows={3}
        rows={3}
        spellCheck={false}
        value={draft.origins}
        error={faultAt(error, 'allowed_origins')}
        onChange={(event) => onChange({ origins: event.currentTarget.value })}
      />
      <Checkbox
        label={words.signed}
        description={words.signedHelp}
        checked={draft.signed}
        error={faultAt(error, 'require_signed_user_id')}
        onChange={(event) => onChange({ signed: event.currentTarget.checked })}
      />
    </Stack>
  );
}
