import { Button, Group, Modal, SegmentedControl, Stack } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { api, body, download } from '@/api/client';
import { asProblem } from '@/api/problem';
import type { SegmentDetail } from '@/api/types';
import { count } from '@/components/format';
import { Icon } from '@/components/icons';
import { ProblemText } from '@/components/ProblemText';
import { segment as words } from '@/strings/segment';
import { ExportList, useExports } from './ExportList';
import classes from './members.module.css';

const FORMATS = ['csv', 'ndjson', 'parquet'] as const;
type Format = (typeof FORMATS)[number];

/** Opens the dialog that writes the members to a file. */
export function ExportButton({ segment }: { segment: SegmentDetail }) {
  const [opened, setOpened] = useState(false);
  return (
    <>
      <Button
        variant="default"
        className={classes.export ?? ''}
        leftSection={<Icon name="download" size={14} />}
        onClick={() => setOpened(true)}
      >
        {words.export.action}
      </Button>
      <Modal opened={opened} onClose={() => setOpened(false)} title={words.export.title} size={520}>
        <ExportForm segment={segment} />
      </Modal>
    </>
  );
}

function ExportForm({ segment }: { segment: SegmentDetail }) {
  const [format, setFormat] = useState<Format>('csv');
  const exports = useExports(segment.id);
  const start = useMutation({
    mutationFn: () =>
      body(
        api.POST('/api/segments/{segment_id}/export/', {
          params: { path: { segment_id: segment.id } },
          body: { format },
        }),
      ),
    onSuccess: () => exports.refetch(),
  });
  const problem = start.error ? asProblem(start.error) : null;
  return (
    <Stack>
      <p className="dim">{words.export.about(count(segment.member_count))}</p>
      <Group>
        <SegmentedControl
          aria-label={words.export.format}
          value={format}
          onChange={(next) => setFormat(next as Format)}
          data={FORMATS.map((value) => ({ value, label: words.export.formats[value] }))}
        />
        <Button loading={start.isPending} onClick={() => start.mutate()}>
          {words.export.start}
        </Button>
      </Group>
      {problem?.type === 'exports-not-configured' && <Direct segment={segment} format={format} />}
      {problem && problem.type !== 'exports-not-configured' && <ProblemText problem={problem} />}
      <ExportList query={exports} name={segment.name} />
    </Stack>
  );
}

/** An installation without a place for files streams them at once. */
function Direct({ segment, format }: { segment: SegmentDetail; format: Format }) {
  const fetchFile = useMutation({
    mutationFn: () =>
      download(`/api/segments/${segment.id}/members/?format=${format}`, `segment-${segment.id}.${format}`),
  });
  return (
    <Stack gap="xs">
      <p>{words.export.direct}</p>
      <Button variant="default" loading={fetchFile.isPending} onClick={() => fetchFile.mutate()}>
        {words.export.directAction}
      </Button>
      {fetchFile.error && <ProblemText problem={asProblem(fetchFile.error)} />}
    </Stack>
  );
}
