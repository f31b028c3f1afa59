import { Button, Group, Modal, Radio, Stack, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, body } from '@/api/client';
import { ProblemText } from '@/components/ProblemText';
import { faultAt, unplaced } from '@/screens/settings/fields';
import { text } from '@/strings';
import { activations } from '@/strings/activations';
import { useShowActivation } from '../queries';

const words = activations.replays;
const STARTS = ['beginning', 'from_run', 'cursor', 'now'] as const;
const RUN_ID = /^\d{1,15}$/;

type Start = (typeof STARTS)[number];

/** Ask from where to send again. */
export function Replay({ id, onClose }: { id: number; onClose: () => void }) {
  const [start, setStart] = useState<Start>('beginning');
  const [run, setRun] = useState('');
  const [cursor, setCursor] = useState('');
  const show = useShowActivation();
  const replay = useMutation({
    mutationFn: () =>
      body(
        api.POST('/api/activations/{activation_id}/replay/', {
          params: { path: { activation_id: id } },
          body: placeOf(start, run, cursor),
        }),
      ),
    onSuccess: (activation) => {
      show(activation);
      onClose();
    },
  });
  const problem = unplaced(replay.error, 'from_run', 'cursor');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    replay.mutate();
  };
  const isComplete = start === 'from_run' ? RUN_ID.test(run.trim()) : start !== 'cursor' || cursor.trim() !== '';
  return (
    <Modal opened onClose={onClose} title={words.title} size={520}>
      <form onSubmit={submit}>
        <Stack>
          <Radio.Group label={words.about} value={start} onChange={(value) => setStart(value as Start)}>
            <Stack gap={8} mt={8}>
              {STARTS.map((name) => (
                <Radio key={name} value={name} label={words.starts[name]} description={words.help[name]} />
              ))}
            </Stack>
          </Radio.Group>
          {start === 'from_run' && (
            <TextInput
              label={words.run}
              inputMode="numeric"
              value={run}
              error={faultAt(replay.error, 'from_run')}
              onChange={(event) => setRun(event.currentTarget.value)}
            />
          )}
          {start === 'cursor' && (
            <TextInput
              label={words.cursor}
              maxLength={512}
              value={cursor}
              error={faultAt(replay.error, 'cursor')}
              onChange={(event) => setCursor(event.currentTarget.value)}
            />
          )}
          {problem !== null && <ProblemText problem={problem} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {text.common.cancel}
            </Button>
            <Button type="submit" loading={replay.isPending} disabled={!isComplete}>
              {words.action}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function placeOf(start: Start, run: string, cursor: string) {
  switch (start) {
    case 'from_run':
      return { from_run: Number(run) };
    case 'cursor':
      return { cursor: cursor.trim() };
    default:
      return { start };
  }
}
