import { Button, Select } from '@mantine/core';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import type { UserSegmentRead } from '@/api/types';
import { count } from '@/components/format';
import { Empty, QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import { type Column, DataTable } from '@/components/table/DataTable';
import { users as strings } from '@/strings/users';
import { Explanation } from './explain/Explanation';
import { FirstChange, Outlook } from './Outlook';
import { useSegmentNames, useUserForecasts, useUserSegments } from './queries';
import classes from './users.module.css';

const words = strings.segments;

function columns(explain: (segment: number) => void): Column<UserSegmentRead>[] {
  return [
    {
      key: 'name',
      header: words.columns.name,
      width: 'minmax(160px, 3fr)',
      narrow: 'title',
      render: ({ segment_id, segment_name }) => (
        <Link to="/segments/$segmentId" params={{ segmentId: String(segment_id) }}>
          {segment_name}
        </Link>
      ),
    },
    {
      key: 'since',
      header: words.columns.since,
      narrowLabel: words.sinceShort,
      width: 'minmax(96px, 1fr)',
      render: ({ since }) => <Time at={since} />,
    },
    {
      key: 'outlook',
      header: strings.outlook.header,
      width: 'minmax(132px, 1fr)',
      render: (membership) => <Outlook membership={membership} />,
    },
    {
      key: 'size',
      header: words.columns.size,
      width: '76px',
      align: 'end',
      narrow: 'hidden',
      render: ({ member_count }) => count(member_count),
    },
    {
      key: 'explain',
      header: '',
      width: '76px',
      align: 'end',
      narrow: 'aside',
      render: ({ segment_id, segment_name }) => (
        <Button
          variant="default"
          size="compact-sm"
          aria-label={words.explainOf(segment_name)}
          onClick={() => explain(segment_id)}
        >
          {words.explain}
        </Button>
      ),
    },
  ];
}

/** The segments of a user now, and why the user is or is not in a segment. */
export function Memberships({ userId }: { userId: string }) {
  const query = useUserSegments(userId);
  const forecasts = useUserForecasts(userId);
  const { segment } = useSearch({ from: '/frame/users/$userId' });
  const navigate = useNavigate({ from: '/users/$userId' });
  const explain = (next: number | null) =>
    void navigate({
      search: ({ segment: _segment, ...rest }) => (next === null ? rest : { ...rest, segment: String(next) }),
    });
  const chosen = segment !== undefined && /^\d{1,15}$/.test(segment) ? Number(segment) : null;
  return (
    <div className={classes.split} data-open={chosen !== null || undefined}>
      <div className={classes.list}>
        <div className={classes.bar}>
          <Another chosen={chosen} onChoose={explain} />
          <FirstChange forecasts={forecasts} />
        </div>
        <QueryState
          query={query}
          empty={{ when: (rows) => rows.length === 0, show: <Empty title={words.emptyTitle}>{words.empty}</Empty> }}
        >
          {(rows) => (
            <DataTable
              label={words.label}
              columns={columns(explain)}
              rows={forecasts.data ?? rows}
              rowKey={({ segment_id }) => String(segment_id)}
              current={segment}
              onOpen={({ segment_id }) => explain(segment_id)}
              total={(forecasts.data ?? rows).length}
            />
          )}
        </QueryState>
      </div>
      {chosen !== null && (
        <Explanation
          key={chosen}
          userId={userId}
          segmentId={chosen}
          published={query.data?.some(({ segment_id }) => segment_id === chosen)}
          onClose={() => explain(null)}
        />
      )}
    </div>
  );
}

interface AnotherProps {
  chosen: number | null;
  onChoose: (segment: number | null) => void;
}

/** Any segment can be explained, also those that the user is not in. */
function Another({ chosen, onChoose }: AnotherProps) {
  const segments = useSegmentNames().data?.results ?? [];
  return (
    <Select
      aria-label={words.another}
      placeholder={words.anotherPlaceholder}
      data={segments.map(({ id, name }) => ({ value: String(id), label: name }))}
      value={chosen === null ? null : String(chosen)}
      onChange={(next) => onChoose(next === null ? null : Number(next))}
      searchable
      clearable
      limit={50}
    />
  );
}
