import { Checkbox, Radio, SegmentedControl, Select, Stack } from '@mantine/core';
import { activations } from '@/strings/activations';
import { useSegmentChoices } from '../queries';
import { CONNECTORS, type Connector, EVENTS, type EventName, type FileFormat, FORMATS } from './draft';

const words = activations.form;

/** How changes are sent. */
export function ConnectorChoice({ value, onChange }: { value: Connector; onChange: (connector: Connector) => void }) {
  return (
    <Radio.Group label={words.connector} value={value} onChange={(name) => onChange(name as Connector)}>
      <Stack gap={8} mt={6}>
        {CONNECTORS.map((name) => (
          <Radio
            key={name}
            value={name}
            label={activations.connectors[name]}
            description={activations.connectorHelp[name]}
          />
        ))}
      </Stack>
    </Radio.Group>
  );
}

interface SegmentFieldProps {
  value: string | null;
  onChange: (segment: string | null) => void;
  error: string | null;
  disabled: boolean;
}

/** Whose changes are sent. */
export function SegmentField({ value, onChange, error, disabled }: SegmentFieldProps) {
  return (
    <Select
      label={words.segment}
      data={useSegmentChoices()}
      searchable
      required
      withAsterisk={false}
      disabled={disabled}
      value={value}
      error={error}
      onChange={onChange}
    />
  );
}

/** Which events are sent. */
export function EventChoice({
  value,
  onChange,
}: {
  value: readonly EventName[];
  onChange: (events: EventName[]) => void;
}) {
  return (
    <Checkbox.Group label={words.events} value={[...value]} onChange={(events) => onChange(events as EventName[])}>
      <Stack gap={8} mt={6}>
        {EVENTS.map((name) => (
          <Checkbox key={name} value={name} label={<code>{name}</code>} description={activations.eventHelp[name]} />
        ))}
      </Stack>
    </Checkbox.Group>
  );
}

/** What files are written as. */
export function FormatChoice({ value, onChange }: { value: FileFormat; onChange: (format: FileFormat) => void }) {
  return (
    <SegmentedControl
      aria-label={words.format}
      data={FORMATS.map((name) => ({ value: name, label: words.formats[name] }))}
      value={value}
      onChange={(name) => onChange(name as FileFormat)}
    />
  );
}
