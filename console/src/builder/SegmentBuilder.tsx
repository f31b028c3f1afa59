import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { QueryState } from '@/components/states';
import { builder as words } from '@/strings/builder';
import { readSegment } from './data/saving';
import type { SavedSegment, Segment } from './data/types';
import { useEditor } from './editor/useEditor';
import { RuleEditor } from './RuleEditor';
import { SaveBar } from './save/SaveBar';
import { isOlder, useSave } from './save/useSave';

export interface SegmentBuilderProps {
  readonly segmentId: number;
  /** Show the rules without controls: the role may not change them. */
  readonly readOnly?: boolean;
  /** The definition was saved as a new version. */
  readonly onSaved?: (segment: SavedSegment) => void;
  /** A run was queued by "Save and recompute". */
  readonly onRun?: (runId: string) => void;
}

/** The rules of a segment: read, edited, counted and saved. */
export function SegmentBuilder(props: SegmentBuilderProps) {
  const query = useQuery({
    queryKey: ['builder', 'segment', props.segmentId],
    queryFn: ({ signal }) => readSegment(props.segmentId, signal),
    refetchOnWindowFocus: false,
  });
  return <QueryState query={query}>{(segment) => <Loaded key={segment.id} {...props} segment={segment} />}</QueryState>;
}

function Loaded({ segment, readOnly = false, onSaved, onRun }: SegmentBuilderProps & { readonly segment: Segment }) {
  const editor = useEditor({
    key: `segment.${segment.id}`,
    definition: segment.definition,
    version: segment.version,
  });
  const { isDirty, rebase } = editor;
  // Someone else has saved, or a version was restored: rules without edits follow.
  const isBehind = !isDirty && isOlder(editor, segment);
  useEffect(() => {
    if (isBehind) rebase(segment.definition, segment.version);
  }, [isBehind, rebase, segment]);
  const save = useSave(segment, editor, { onSaved, onRun });
  const [showMissing, setShowMissing] = useState(false);
  return (
    <RuleEditor
      editor={editor}
      tenant={segment.tenant}
      segmentId={segment.id}
      readOnly={readOnly}
      showMissing={showMissing}
      refused={save.refused}
    >
      {readOnly ? (
        <p className="dim">{words.save.readOnly}</p>
      ) : (
        <SaveBar segment={segment} editor={editor} save={save} onMissing={() => setShowMissing(true)} />
      )}
    </RuleEditor>
  );
}
