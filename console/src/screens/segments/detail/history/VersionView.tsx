import { Button } from '@mantine/core';
import { useState } from 'react';
import { api, body } from '@/api/client';
import type { SegmentDetail, VersionDiffRead, VersionRead } from '@/api/types';
import { useMay } from '@/app/tenant';
import { Confirm } from '@/components/Confirm';
import { QueryState } from '@/components/states';
import { segment as words } from '@/strings/segment';
import { useRefreshSegment } from '../queries';
import { Diff } from './Diff';
import classes from './history.module.css';
import { People } from './People';
import { useDiff, useVersion } from './queries';

interface VersionViewProps {
  segment: SegmentDetail;
  version: VersionRead;
  isCurrent: boolean;
}

/** The version before need not be the number before: only changes of the rules are versions that can be compared. */
function diffTitle({ from_version, to_version }: VersionDiffRead): string {
  const from = from_version === 0 ? words.history.nothing : words.history.versionName(from_version);
  return words.history.diffTitle(from, to_version);
}

/** One version: in words, its text diff, the people it would move, and a way to restore it. */
export function VersionView({ segment, version: { version, definition }, isCurrent }: VersionViewProps) {
  const diff = useDiff(segment.id, version);
  const detail = useVersion(segment.id, version);
  return (
    <div className={classes.view}>
      <div className={classes.line}>
        <h2>{diff.data ? diffTitle(diff.data) : words.history.versionLabel(version)}</h2>
        {!isCurrent && <Restore segment={segment} version={version} />}
      </div>
      <QueryState query={diff}>{(data) => <Diff text={data.text_diff} />}</QueryState>
      <h3>{words.history.sentence}</h3>
      <QueryState query={detail}>{(data) => <p>{data.sentence}</p>}</QueryState>
      {!isCurrent && segment.segment_type !== 'static' && <People segment={segment} definition={definition} />}
    </div>
  );
}

function Restore({ segment, version }: { segment: SegmentDetail; version: number }) {
  const [asking, setAsking] = useState(false);
  const member = useMay('member');
  const refresh = useRefreshSegment(segment.id);
  const restore = async () => {
    await body(
      api.POST('/api/segments/{segment_id}/restore/', {
        params: { path: { segment_id: segment.id }, header: { 'if-match': `"${segment.version}"` } },
        body: { version },
      }),
    );
    refresh();
  };
  if (!member) return null;
  return (
    <>
      <Button variant="default" onClick={() => setAsking(true)}>
        {words.history.restore}
      </Button>
      <Confirm
        opened={asking}
        onClose={() => setAsking(false)}
        title={words.history.restoreTitle(version)}
        action={words.history.restore}
        color="accent"
        onConfirm={restore}
      >
        {words.history.restoreEffect}
      </Confirm>
    </>
  );
}
