import { useState } from 'react';
import type { SegmentDetail, UploadAccepted } from '@/api/types';
import { useMay } from '@/app/tenant';
import { segment as words } from '@/strings/segment';
import { DropZone } from './DropZone';
import classes from './list.module.css';
import { Understood } from './Understood';
import { UploadForm } from './UploadForm';

interface StaticListProps {
  segment: SegmentDetail;
  /** The upload queued a run that publishes the list. */
  onRun: (runId: string) => void;
}

/** The list of a static segment: drop a file, see how it begins, upload it, and see what was understood. */
export function StaticList({ segment, onRun }: StaticListProps) {
  const member = useMay('member');
  const [file, setFile] = useState<File | null>(null);
  const [accepted, setAccepted] = useState<UploadAccepted | null>(null);
  const take = (next: File) => {
    setFile(next);
    setAccepted(null);
  };
  const done = (answer: UploadAccepted) => {
    setFile(null);
    setAccepted(answer);
    onRun(answer.run_id);
  };
  return (
    <div className={classes.list}>
      {accepted !== null && <Understood accepted={accepted} />}
      {member && file === null && <DropZone onFile={take} />}
      {file !== null && (
        <UploadForm key={`${file.name}-${file.lastModified}`} id={segment.id} file={file} onFile={take} onDone={done} />
      )}
      <p className="dim">{words.list.forms}</p>
    </div>
  );
}
