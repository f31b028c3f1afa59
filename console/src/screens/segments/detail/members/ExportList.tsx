import { Button, Progress } from '@mantine/core';
import { type UseQueryResult, useMutation, useQuery } from '@tanstack/react-query';
import { api, body, download } from '@/api/client';
import { asProblem } from '@/api/problem';
import type { ExportRead } from '@/api/types';
import { count } from '@/components/format';
import { ProblemText } from '@/components/ProblemText';
import { Time } from '@/components/Time';
import { segment as words } from '@/strings/segment';
import { segmentKey } from '../queries';
import classes from './members.module.css';

const POLL_MS = 2_000;

function isOpen({ status }: ExportRead): boolean {
  return status === 'pending' || status === 'running';
}

/** The exports of a segment, newest first, read again while one of them is written. */
export function useExports(id: number): UseQueryResult<ExportRead[]> {
  return useQuery({
    queryKey: [...segmentKey(id), 'exports'],
    queryFn: async () => {
      const list = await body(api.GET('/api/segments/{segment_id}/export/', { params: { path: { segment_id: id } } }));
      return 'results' in list ? list.results : [];
    },
    refetchInterval: (query) => (query.state.data?.some(isOpen) ? POLL_MS : false),
  });
}

export function ExportList({ query, name }: { query: UseQueryResult<ExportRead[]>; name: string }) {
  if (!query.data?.length) return null;
  return (
    <section>
      <h3>{words.export.before}</h3>
      <ul className={classes.exports}>
        {query.data.map((item) => (
          <ExportRow key={item.id} item={item} name={name} />
        ))}
      </ul>
    </section>
  );
}

/** Return a name for a file that every file system takes. */
export function fileName(name: string, format: string): string {
  const safe = name.replaceAll(/[^\p{L}\p{N}]+/gu, '-').replaceAll(/^-+|-+$/g, '');
  return `${safe || 'segment'}.${format}`;
}

function ExportRow({ item, name }: { item: ExportRead; name: string }) {
  const fetchFile = useMutation({
    mutationFn: (path: string) => download(path, fileName(name, item.format)),
  });
  return (
    <li>
      <span>{words.export.formats[item.format as keyof typeof words.export.formats] ?? item.format}</span>
      <span className="dim">
        <Time at={item.created_at} />
      </span>
      {isOpen(item) ? (
        <Progress value={item.progress * 100} size={4} aria-label={words.export.status[item.status]} />
      ) : (
        <span className="dim">
          {item.status === 'failed' ? words.export.failed : words.export.rows(count(item.rows))}
        </span>
      )}
      {item.status === 'complete' && item.download_url !== null && (
        <Button
          size="xs"
          variant="default"
          loading={fetchFile.isPending}
          onClick={() => fetchFile.mutate(item.download_url ?? '')}
        >
          {words.export.download}
        </Button>
      )}
      {fetchFile.error && <ProblemText problem={asProblem(fetchFile.error)} />}
    </li>
  );
}
