import { NativeSelect, Textarea, TextInput } from '@mantine/core';
import { faultAt } from '@/screens/settings/fields';
import { activations } from '@/strings/activations';
import classes from '../activations.module.css';
import { type ActivationDraft, METHODS, type Method, templateOf } from './draft';

const words = activations.form;

interface HttpFieldsProps {
  draft: ActivationDraft;
  onChange: (part: Partial<ActivationDraft>) => void;
  error: unknown;
}

/** What requests from a template look like. */
export function HttpFields({ draft, onChange, error }: HttpFieldsProps) {
  const isObject = templateOf(draft.template) !== null;
  return (
    <>
      <div className={classes.pair}>
        <NativeSelect
          label={words.method}
          data={[...METHODS]}
          value={draft.method}
          onChange={(event) => onChange({ method: event.currentTarget.value as Method })}
        />
        <TextInput
          label={words.batch}
          inputMode="numeric"
          value={draft.batch}
          error={faultAt(error, 'batch_size')}
          onChange={(event) => onChange({ batch: event.currentTarget.value })}
        />
      </div>
      <Textarea
        label={words.headers}
        description={words.headersHelp}
        placeholder="Authorization: Bearer {{secret}}"
        rows={2}
        spellCheck={false}
        classNames={{ input: classes.mono ?? '' }}
        value={draft.headers}
        error={faultAt(error, 'headers')}
        onChange={(event) => onChange({ headers: event.currentTarget.value })}
      />
      <Textarea
        label={words.template}
        description={words.templateHelp}
        rows={9}
        spellCheck={false}
        classNames={{ input: classes.mono ?? '' }}
        value={draft.template}
        error={isObject ? faultAt(error, 'template') : words.notJson}
        onChange={(event) => onChange({ template: event.currentTarget.value })}
      />
    </>
  );
}
