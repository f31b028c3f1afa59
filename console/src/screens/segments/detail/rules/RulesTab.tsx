import type { SegmentDetail } from '@/api/types';
import { useMay } from '@/app/tenant';
import { SegmentBuilder } from '@/builder';
import { useRefreshSegment } from '../queries';
import classes from './rules.module.css';

interface RulesTabProps {
  segment: SegmentDetail;
  onRun: (runId: string) => void;
}

/** The rules of a segment, to edit. */
export function RulesTab({ segment, onRun }: RulesTabProps) {
  const may = useMay('member');
  const refresh = useRefreshSegment(segment.id);
  const show = (runId: string) => {
    refresh();
    onRun(runId);
  };
  return (
    <div className={classes.rules}>
      <SegmentBuilder segmentId={segment.id} readOnly={!may} onSaved={refresh} onRun={show} />
    </div>
  );
}
