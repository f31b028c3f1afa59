import { Button } from '@mantine/core';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { useMay } from '@/app/tenant';
import { count } from '@/components/format';
import { Icon } from '@/components/icons';
import { Screen } from '@/components/Screen';
import { Empty, QueryState } from '@/components/states';
import { DataTable } from '@/components/table/DataTable';
import { segments as words } from '@/strings/segments';
import { useActor } from '../useActor';
import { columnsOf } from './columns';
import { Filters } from './Filters';
import { type SegmentFilter, selecting, useSegmentPages, useTrends } from './queries';

/** All segments of the tenant, or those that the address selects, with their size and how fresh they are. */
export function Segments() {
  const filter = useSearch({ from: '/frame/segments' });
  const navigate = useNavigate({ from: '/segments' });
  const pages = useSegmentPages(filter);
  // It names the tags to choose from. Without a filter, it is the same query.
  const all = useSegmentPages({});
  const filtered = Boolean(filter.q || filter.tag);
  const change = (next: SegmentFilter) =>
    void navigate({
      search: ({ q, tag, ...rest }) => ({ ...rest, ...selecting({ q, tag, ...next }) }),
      replace: true,
    });
  const [cleared, setCleared] = useState(0);
  const clear = () => {
    change({ q: undefined, tag: undefined });
    setCleared(cleared + 1);
  };
  const none = filtered ? <NoMatch onClear={clear} /> : <NoSegments />;
  return (
    <Screen
      title={words.title}
      about={pages.query.data && about(pages, filtered ? all.total : null)}
      actions={
        <>
          <Filters key={cleared} filter={filter} segments={all.rows} onChange={change} />
          <Create />
        </>
      }
      fill
    >
      <QueryState query={pages.query} empty={{ when: () => pages.rows.length === 0, show: none }}>
        {() => <Table pages={pages} />}
      </QueryState>
    </Screen>
  );
}

/** Return how many segments are listed; of a filtered list, also of how many. */
function about({ rows, total }: ReturnType<typeof useSegmentPages>, all: number | null): string {
  const listed = total ?? rows.length;
  return all === null ? words.about(count(listed), listed === 1) : words.found(count(listed), count(all));
}

function Create() {
  if (!useMay('member')) return null;
  return (
    <Button component={Link} to="/segments/new" leftSection={<Icon name="plus" size={14} />}>
      {words.create}
    </Button>
  );
}

interface TableProps {
  pages: ReturnType<typeof useSegmentPages>;
}

function Table({ pages }: TableProps) {
  const navigate = useNavigate();
  const trends = useTrends();
  const isTagged = pages.rows.some(({ tags }) => tags.length > 0);
  const columns = columnsOf(trends, useActor(), isTagged);
  return (
    <DataTable
      label={words.title}
      columns={columns}
      rows={pages.rows}
      rowKey={(row) => String(row.id)}
      onOpen={(row) => void navigate({ to: '/segments/$segmentId', params: { segmentId: String(row.id) } })}
      onEnd={pages.loadMore}
      more={pages.more}
      total={pages.total}
    />
  );
}

function NoSegments() {
  return (
    <Empty
      title={words.empty}
      action={
        <Button component={Link} to="/segments/new" leftSection={<Icon name="plus" size={14} />}>
          {words.create}
        </Button>
      }
    >
      {words.emptyDetail}
    </Empty>
  );
}

function NoMatch({ onClear }: { onClear: () => void }) {
  return (
    <Empty
      title={words.noMatch}
      action={
        <Button variant="default" onClick={onClear}>
          {words.clear}
        </Button>
      }
    >
      {words.noMatchDetail}
    </Empty>
  );
}
