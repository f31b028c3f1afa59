import { ActionIcon, Menu } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api, body } from '@/api/client';
import type { SegmentDetail } from '@/api/types';
import { Confirm } from '@/components/Confirm';
import { count } from '@/components/format';
import { Icon } from '@/components/icons';
import { segment as words } from '@/strings/segment';
import { EditDialog } from './EditDialog';
import { useRefreshSegment } from './queries';

/** What is rarely done to a segment: rename, delete. */
export function MoreMenu({ segment }: { segment: SegmentDetail }) {
  const [dialog, setDialog] = useState<'edit' | 'delete' | null>(null);
  const navigate = useNavigate();
  const refresh = useRefreshSegment(segment.id);
  const close = () => setDialog(null);
  const remove = async () => {
    await body(api.DELETE('/api/segments/{segment_id}/', { params: { path: { segment_id: segment.id } } }));
    await navigate({ to: '/segments' });
    refresh();
  };
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="default" size={30} aria-label={words.more}>
            <Icon name="more" />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => setDialog('edit')}>{words.edit}</Menu.Item>
          <Menu.Item color="red" leftSection={<Icon name="trash" size={14} />} onClick={() => setDialog('delete')}>
            {words.delete}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {dialog === 'edit' && <EditDialog segment={segment} onClose={close} />}
      <Confirm
        opened={dialog === 'delete'}
        onClose={close}
        title={words.deleteTitle(segment.name)}
        action={words.delete}
        name={segment.name}
        onConfirm={remove}
      >
        {words.deleteEffect(words.users(count(segment.member_count), segment.member_count === 1))}
      </Confirm>
    </>
  );
}
