import { Button, Group, Modal, Radio, Stack, Textarea, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, body } from '@/api/client';
import type { SegmentDetail } from '@/api/types';
import { ProblemText } from '@/components/ProblemText';
import { faultAt, unplaced } from '@/screens/settings/fields';
import { text } from '@/strings';
import { segment as words } from '@/strings/segment';
import { segments as list } from '@/strings/segments';
import { useRefreshSegment } from './queries';
import { TagsField, tagsFault } from './TagsField';

const MODES = ['manual', 'hourly', 'live'] as const;

/** Change name, description, tags and refresh mode. */
export function EditDialog({ segment, onClose }: { segment: SegmentDetail; onClose: () => void }) {
  const [name, setName] = useState(segment.name);
  const [description, setDescription] = useState(segment.description);
  const [tags, setTags] = useState<readonly string[]>(segment.tags);
  const [refresh, setRefresh] = useState(segment.refresh);
  const changed = useRefreshSegment(segment.id);
  const isStatic = segment.segment_type === 'static';
  const save = useMutation({
    mutationFn: () =>
      body(
        api.PATCH('/api/segments/{segment_id}/', {
          params: { path: { segment_id: segment.id } },
          body: { name, description, tags: [...tags], ...(isStatic ? {} : { refresh }) },
        }),
      ),
    onSuccess: () => {
      changed();
      onClose();
    },
  });
  const fault = tagsFault(tags) ?? faultAt(save.error, 'tags');
  const problem = unplaced(save.error, 'tags');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Modal opened onClose={onClose} title={words.editTitle}>
      <form onSubmit={submit}>
        <Stack>
          <TextInput
            label={words.name}
            required
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            data-autofocus
          />
          <Textarea
            label={words.description}
            value={description}
            onChange={(event) => setDescription(event.currentTarget.value)}
          />
          <TagsField value={tags} error={fault} onChange={setTags} />
          {!isStatic && (
            <Radio.Group label={words.refresh} value={refresh} onChange={(next) => setRefresh(next as typeof refresh)}>
              <Stack gap="xs" mt={6}>
                {MODES.map((mode) => (
                  <Radio key={mode} value={mode} label={list.refresh[mode]} description={words.refreshHelp[mode]} />
                ))}
              </Stack>
            </Radio.Group>
          )}
          {problem !== null && <ProblemText problem={problem} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {text.common.cancel}
            </Button>
            <Button type="submit" loading={save.isPending} disabled={tagsFault(tags) !== null}>
              {words.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
