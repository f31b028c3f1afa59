import { Button, Checkbox, NativeSelect, TextInput } from '@mantine/core';
import { Icon } from '@/components/icons';
import { schemas } from '@/strings/schemas';
import { Act } from '../Act';
import { type DraftRule, MAX_RULES, type Rule, TYPES, withRule } from './draft';
import classes from './schemas.module.css';

interface PropertyRowsProps {
  rules: readonly DraftRule[];
  onChange: (rules: readonly DraftRule[]) => void;
}

/** The properties of a schema, one a row. */
export function PropertyRows({ rules, onChange }: PropertyRowsProps) {
  const words = schemas.form;
  const change = (key: number, part: Partial<Rule>) =>
    onChange(rules.map((rule) => (rule.key === key ? { ...rule, ...part } : rule)));
  return (
    <fieldset className={classes.rows}>
      <legend>{words.properties}</legend>
      {rules.map((rule, index) => (
        <div key={rule.key} className={classes.row}>
          <TextInput
            aria-label={words.name(index + 1)}
            placeholder={words.namePlaceholder}
            maxLength={200}
            value={rule.name}
            onChange={(event) => change(rule.key, { name: event.currentTarget.value })}
          />
          <NativeSelect
            aria-label={words.kind(index + 1)}
            data={[...TYPES]}
            value={rule.type}
            onChange={(event) => change(rule.key, { type: event.currentTarget.value as Rule['type'] })}
          />
          <Checkbox
            label={words.required}
            aria-label={words.requiredOf(index + 1)}
            checked={rule.required}
            onChange={(event) => change(rule.key, { required: event.currentTarget.checked })}
          />
          <Act
            icon="trash"
            tip={words.remove}
            label={words.removeOf(index + 1)}
            onClick={() => onChange(rules.filter(({ key }) => key !== rule.key))}
          />
        </div>
      ))}
      <div>
        <Button
          variant="default"
          size="compact-sm"
          leftSection={<Icon name="plus" size={14} />}
          disabled={rules.length >= MAX_RULES}
          onClick={() => onChange(withRule(rules))}
        >
          {words.add}
        </Button>
      </div>
    </fieldset>
  );
}
