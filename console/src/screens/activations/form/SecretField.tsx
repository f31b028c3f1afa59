import { Button, TextInput } from '@mantine/core';
import { CopyButton } from '@/components/CopyButton';
import { activations } from '@/strings/activations';
import classes from '../activations.module.css';
import { HIDDEN, newSecret } from './draft';

interface SecretFieldProps {
  value: string;
  onChange: (value: string) => void;
  /** Whether there is one, which is shown as stars. */
  isStored: boolean;
  /** Whether it signs requests. One that a tool has made cannot be made here. */
  signs: boolean;
  error: string | null;
}

/** The secret that signs requests. A new one can be made here. */
export function SecretField({ value, onChange, isStored, signs, error }: SecretFieldProps) {
  const words = activations.form;
  const help = signs ? words.secretHelp : words.secretOfHttp;
  return (
    <div className={classes.secret}>
      <TextInput
        label={words.secret}
        description={isStored && value === HIDDEN ? words.secretKept : help}
        autoComplete="off"
        spellCheck={false}
        maxLength={256}
        classNames={{ input: classes.mono ?? '' }}
        value={value}
        error={error}
        onChange={(event) => onChange(event.currentTarget.value)}
        {...(value === '' || value === HIDDEN
          ? {}
          : { rightSection: <CopyButton value={value} label={words.copySecret} /> })}
      />
      {signs && (
        <Button variant="default" onClick={() => onChange(newSecret())}>
          {words.generate}
        </Button>
      )}
    </div>
  );
}
