import { api, body } from '@/api/client';
import type { SegmentMemberList } from '@/api/types';

interface MembersQuery {
  limit: number;
  q?: string;
  cursor?: string;
}

/** Read a page of members as JSON; the same address also answers files. */
export async function readMembers(id: number, query: MembersQuery): Promise<SegmentMemberList> {
  const page = await body(
    api.GET('/api/segments/{segment_id}/members/', { params: { path: { segment_id: id }, query } }),
  );
  return page as SegmentMemberList;
}
