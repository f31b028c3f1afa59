import { Link } from '@tanstack/react-router';
import type { SegmentMember } from '@/api/types';
import { Time } from '@/components/Time';
import type { Column } from '@/components/table/DataTable';
import { segment as words } from '@/strings/segment';

export const columns: readonly Column<SegmentMember>[] = [
  {
    key: 'user',
    header: words.members.user,
    width: 'minmax(200px, 1fr)',
    narrow: 'title',
    render: ({ user_id }) => (
      <Link to="/users/$userId" params={{ userId: user_id }} tabIndex={-1} className="mono">
        {user_id}
      </Link>
    ),
  },
  {
    key: 'since',
    header: words.members.since,
    width: '180px',
    narrow: 'detail',
    render: ({ computed_at }) => <Time at={computed_at} />,
  },
];
