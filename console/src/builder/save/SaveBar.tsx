import { Button } from '@mantine/core';
import { useState } from 'react';
import { Confirm } from '@/components/Confirm';
import { ProblemText } from '@/components/ProblemText';
import { builder as words } from '@/strings/builder';
import type { Segment } from '../data/types';
import type { Editor } from '../editor/useEditor';
import { evaluable } from '../model/request';
import { PlanDialog } from './PlanDialog';
import classes from './save.module.css';
import type { Save } from './useSave';

interface SaveBarProps {
  readonly segment: Segment;
  readonly editor: Editor;
  readonly save: Save;
  readonly onMissing: () => void;
}

/** Save Definition, Save and recompute; before saving over a computed segment, the plan. */
export function SaveBar({ segment, editor, save, onMissing }: SaveBarProps) {
  const [planned, setPlanned] = useState<{ andRun: boolean } | null>(null);
  const [isDiscarding, setDiscarding] = useState(false);
  const [isMissing, setMissing] = useState(false);
  const isComputed = segment.last_computed_at !== null;
  const begin = (andRun: boolean) => {
    const hasGaps = evaluable(editor.tree).unfinished.length > 0;
    setMissing(hasGaps);
    if (hasGaps) onMissing();
    else if (isComputed && editor.isDirty) setPlanned({ andRun });
    else void save.save(andRun);
  };
  return (
    <>
      {save.theirs !== null && <Outdated version={save.theirs.version} save={save} />}
      {save.problem !== null && <ProblemText title={words.save.failed} problem={save.problem} />}
      {isMissing && <p className={classes.missing}>{words.save.missing}</p>}
      <div className={classes.bar}>
        <span className="dim" role="status" data-testid="save-state">
          {stateOf(editor, save)}
        </span>
        <Button variant="subtle" color="gray" disabled={!editor.isDirty} onClick={() => setDiscarding(true)}>
          {words.save.discard}
        </Button>
        <Button variant="default" loading={save.isBusy} disabled={!editor.isDirty} onClick={() => begin(false)}>
          {words.save.save}
        </Button>
        <Button loading={save.isBusy} onClick={() => begin(true)}>
          {words.save.run}
        </Button>
      </div>
      {planned !== null && (
        <PlanDialog
          segmentId={segment.id}
          tree={editor.tree}
          action={planned.andRun ? words.save.run : words.save.save}
          isBusy={save.isBusy}
          onConfirm={() => void save.save(planned.andRun).then(() => setPlanned(null))}
          onClose={() => setPlanned(null)}
        />
      )}
      <Confirm
        opened={isDiscarding}
        onClose={() => setDiscarding(false)}
        title={words.save.discardTitle}
        action={words.save.discard}
        onConfirm={async () => editor.rebase(segment.definition, segment.version)}
      >
        {words.save.discardDetail}
      </Confirm>
    </>
  );
}

function stateOf(editor: Editor, save: Save): string {
  if (editor.isDirty) return words.save.dirty;
  return save.savedVersion === null ? words.save.clean : words.save.saved(save.savedVersion);
}

function Outdated({ version, save }: { readonly version: number; readonly save: Save }) {
  return (
    <div className={classes.outdated} role="alert">
      <span>{words.save.outdated(version)}</span>
      <Button size="xs" variant="default" onClick={save.takeTheirs}>
        {words.save.takeTheirs}
      </Button>
      <Button size="xs" variant="default" onClick={save.keepMine}>
        {words.save.keepMine}
      </Button>
    </div>
  );
}
