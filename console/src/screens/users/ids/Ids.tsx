import { Button } from '@mantine/core';
import { useState } from 'react';
import type { JoinedIdRead, MergeRead } from '@/api/types';
import { useMay } from '@/app/tenant';
import { Confirm } from '@/components/Confirm';
import { Mono } from '@/components/Mono';
import { Empty, QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import { type Column, DataTable } from '@/components/table/DataTable';
import { useActor } from '@/screens/segments/useActor';
import { users } from '@/strings/users';
import { EventLink } from '../EventLink';
import classes from '../users.module.css';
import { MergeDialog } from './MergeDialog';
import { useMerges, usePerson } from './queries';

const words = users.ids;

/** The ids of a person, each with the event or the merge that joined it. Admins merge users here, and undo it. */
export function Ids({ userId }: { userId: string }) {
  const query = usePerson(userId);
  const may = useMay('admin');
  const [merging, setMerging] = useState(false);
  const [undoing, setUndoing] = useState<MergeRead | null>(null);
  const { unmerge } = useMerges();
  const columns = useColumns(may ? setUndoing : null);
  return (
    <QueryState query={query}>
      {(person) => (
        <>
          <div className={classes.bar}>
            <p>
              {words.person} <strong>{person.user_id}</strong>.{' '}
              {!may && <span className="dim">{words.adminsOnly}</span>}
            </p>
            {may && (
              <Button variant="default" onClick={() => setMerging(true)}>
                {words.merge}
              </Button>
            )}
          </div>
          {person.joined.length === 0 ? (
            <Empty title={words.emptyTitle}>{words.empty}</Empty>
          ) : (
            <DataTable
              label={words.label}
              columns={columns}
              rows={person.joined}
              rowKey={({ id }) => id}
              total={person.joined.length}
            />
          )}
          {merging && <MergeDialog person={person.user_id} onClose={() => setMerging(false)} />}
          {undoing !== null && (
            <Confirm
              opened
              onClose={() => setUndoing(null)}
              title={words.undoOf(undoing.from_user_id)}
              action={words.undo}
              onConfirm={() => unmerge(undoing.from_user_id)}
            >
              {words.undoDetail(undoing.from_user_id)}
            </Confirm>
          )}
        </>
      )}
    </QueryState>
  );
}

function useColumns(undo: ((merge: MergeRead) => void) | null): readonly Column<JoinedIdRead>[] {
  return [
    {
      key: 'id',
      header: words.columns.id,
      width: 'minmax(160px, 1fr)',
      narrow: 'title',
      render: ({ id }) => <Mono label={words.copy(id)}>{id}</Mono>,
    },
    {
      key: 'why',
      header: words.columns.why,
      width: 'minmax(200px, 2fr)',
      render: (joined) => <Why joined={joined} />,
    },
    {
      key: 'since',
      header: words.columns.since,
      width: 'minmax(96px, 120px)',
      render: ({ claim, merge }) => <Time at={claim?.timestamp ?? merge?.merged_at} />,
    },
    {
      key: 'undo',
      header: '',
      width: '104px',
      align: 'end',
      narrow: 'aside',
      render: ({ merge }) =>
        merge && undo ? (
          <Button
            variant="default"
            size="compact-sm"
            aria-label={words.undoOf(merge.from_user_id)}
            onClick={() => undo(merge)}
          >
            {words.undo}
          </Button>
        ) : null,
    },
  ];
}

function Why({ joined: { claim, merge } }: { joined: JoinedIdRead }) {
  const named = useActor();
  if (claim) {
    return (
      <>
        {words.claimed(claim.user_id)}{' '}
        <EventLink messageId={claim.message_id} at={claim.timestamp}>
          {words.open}
        </EventLink>
      </>
    );
  }
  return merge ? words.merged(merge.into_user_id, named(merge.merged_by.replace('api_', ''))) : null;
}
