import { Button, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { asProblem } from '@/api/problem';
import type { SegmentDetail } from '@/api/types';
import { count } from '@/components/format';
import { Icon } from '@/components/icons';
import { Empty, QueryState } from '@/components/states';
import { DataTable } from '@/components/table/DataTable';
import { usePages } from '@/components/table/pages';
import { segment as words } from '@/strings/segment';
import { segmentKey } from '../queries';
import { columns } from './columns';
import { ExportButton } from './Export';
import classes from './members.module.css';
import { readMembers } from './read';

const PAGE = 200;
const PAUSE_MS = 200;

/** The members, page by page: all pages are of one publication, also while runs publish others. */
export function Members({ segment }: { segment: SegmentDetail }) {
  const [typed, setTyped] = useState('');
  const [q] = useDebouncedValue(typed, PAUSE_MS);
  if (segment.membership.run_id === null) {
    return <Empty title={words.members.never}>{words.members.neverDetail}</Empty>;
  }
  return (
    <div className={classes.members}>
      <div className={classes.tools}>
        <TextInput
          type="search"
          aria-label={words.members.search}
          placeholder={words.members.search}
          leftSection={<Icon name="search" size={14} />}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          className={classes.search ?? ''}
        />
        <span className="dim">{words.members.about(count(segment.member_count))}</span>
        <ExportButton segment={segment} />
      </div>
      <MemberTable segment={segment} q={q} />
    </div>
  );
}

function useMembers(id: number, run: string | null, q: string) {
  return usePages([...segmentKey(id), 'members', run, q], (cursor) =>
    readMembers(id, { limit: PAGE, q, ...(cursor ? { cursor } : {}) }),
  );
}

function MemberTable({ segment, q }: { segment: SegmentDetail; q: string }) {
  const pages = useMembers(segment.id, segment.membership.run_id, q);
  const navigate = useNavigate();
  if (asProblem(pages.query.error).type === 'publication-gone') return <Gone id={segment.id} />;
  const none = q ? (
    <Empty title={words.members.noMatch} />
  ) : (
    <Empty title={words.members.empty}>{words.members.emptyDetail}</Empty>
  );
  return (
    <QueryState query={pages.query} empty={{ when: () => pages.rows.length === 0, show: none }}>
      {() => (
        <DataTable
          label={words.tabs.members}
          columns={columns}
          rows={pages.rows}
          rowKey={(row) => row.user_id}
          onOpen={(row) => void navigate({ to: '/users/$userId', params: { userId: row.user_id } })}
          onEnd={pages.loadMore}
          more={pages.more}
          total={pages.total ?? (q ? null : segment.member_count)}
        />
      )}
    </QueryState>
  );
}

/** The publication that the pages are of was removed: begin anew. */
function Gone({ id }: { id: number }) {
  const cache = useQueryClient();
  return (
    <Empty
      title={words.members.gone}
      action={
        <Button onClick={() => void cache.resetQueries({ queryKey: [...segmentKey(id), 'members'] })}>
          {words.members.reload}
        </Button>
      }
    />
  );
}
