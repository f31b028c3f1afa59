import { Popover } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { asProblem } from '@/api/problem';
import { count, signed } from '@/components/format';
import { ProblemText } from '@/components/ProblemText';
import { Loading } from '@/components/states';
import { builder as words } from '@/strings/builder';
import { sendJson } from '../data/json-api';
import type { PreviewAnswer } from '../data/types';
import type { Share } from '../data/usePreview';
import { useRows } from '../editor/context';
import { writeJson } from '../model/json';
import { evaluable } from '../model/request';
import { group, type TreeNode } from '../model/tree';
import { UserLinks } from '../summary/UserLinks';
import classes from './rows.module.css';

/** How many people a row holds by itself, and how many it removes. The number opens some of them. */
export function Shares({ node }: { readonly node: TreeNode }) {
  const { shares, sharesAreOld, unfinished } = useRows();
  const [isOpen, setOpen] = useState(false);
  const share = shares.get(node.id);
  if (unfinished.has(node.id)) return <span className={classes.note}>{words.share.unfinished}</span>;
  if (share === undefined) {
    return <span className={classes.note}>{sharesAreOld ? words.share.counting : ''}</span>;
  }
  return (
    <Popover opened={isOpen} onChange={setOpen} position="bottom-end" shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <button
          type="button"
          className={classes.shares}
          data-old={sharesAreOld || undefined}
          data-testid="share"
          onClick={() => setOpen(!isOpen)}
        >
          <span className="hidden">{words.share.before}</span>
          <span className={classes.kept}>{count(share.kept)}</span>
          <span className="hidden">{words.share.between}</span>
          <span className={classes.dropped}>{signed(-share.dropped)}</span>
          <span className="hidden">{words.share.after}</span>
        </button>
      </Popover.Target>
      <Popover.Dropdown>
        <Peek node={node} share={share} />
      </Popover.Dropdown>
    </Popover>
  );
}

/** Some of the people whom one row holds by itself. */
function Peek({ node, share }: { readonly node: TreeNode; readonly share: Share }) {
  const { tenant, segmentId } = useRows();
  const { definition } = evaluable(group('AND', [node]));
  const query = useQuery({
    queryKey: ['builder', 'peek', tenant, segmentId, writeJson(definition)],
    queryFn: ({ signal }) =>
      sendJson<PreviewAnswer>(
        '/api/segments/preview/',
        { tenant, definition, ...(segmentId === null ? {} : { segment_id: segmentId }) },
        { signal },
      ),
    staleTime: 30_000,
  });
  const problem = query.error ?? query.failureReason;
  return (
    <div className={classes.peek}>
      <strong>{words.share.peek(count(share.kept))}</strong>
      {query.data ? (
        <UserLinks ids={query.data.sample_user_ids} />
      ) : problem ? (
        <ProblemText problem={asProblem(problem)} />
      ) : (
        <Loading />
      )}
    </div>
  );
}
