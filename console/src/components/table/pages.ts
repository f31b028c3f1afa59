import { type InfiniteData, type UseInfiniteQueryResult, useInfiniteQuery } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';

interface Page<Row> {
  count: number | null;
  results: Row[];
  next_cursor: string | null;
}

export interface Pages<Row> {
  rows: readonly Row[];
  total: number | null;
  more: boolean;
  loadMore: () => void;
  query: UseInfiniteQueryResult<InfiniteData<Page<Row>>>;
}

/** Read a list of the API page by page, by its cursor. With `everyMs`, a list that has one page is read again and again. */
export function usePages<Row>(
  key: readonly unknown[],
  read: (cursor: string | undefined) => Promise<Page<Row>>,
  everyMs?: number,
): Pages<Row> {
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) => read(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: Page<Row>) => page.next_cursor ?? undefined,
    refetchInterval: ({ state }) => (everyMs !== undefined && (state.data?.pages.length ?? 0) <= 1 ? everyMs : false),
  });
  const { data, hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const rows = useMemo(() => data?.pages.flatMap((page) => page.results) ?? [], [data]);
  const loadMore = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  return { rows, total: data?.pages[0]?.count ?? null, more: hasNextPage, loadMore, query };
}
