import { type ReactNode, useMemo, useRef, useState } from 'react';
import { builder as words } from '@/strings/builder';
import { usePreview } from './data/usePreview';
import { useValidation } from './data/useValidation';
import { type Rows, RowsContext } from './editor/context';
import { useDrag } from './editor/useDrag';
import type { Editor } from './editor/useEditor';
import { onRowKey, useFocusAfterEdit, useUndoKeys } from './editor/useKeys';
import { Forms } from './forms/Forms';
import type { LocatedFaults, NodeFault } from './model/faults';
import type { NodeId } from './model/tree';
import { DragContext } from './rows/DragContext';
import { GroupRows, LogicChoice } from './rows/GroupBox';
import { RowFaults } from './rows/Row';
import classes from './rows/rows.module.css';
import { Count, CountNotes } from './summary/Count';
import { SampleUsers } from './summary/SampleUsers';
import { UndoButtons } from './summary/UndoButtons';

export interface RuleEditorProps {
  readonly editor: Editor;
  readonly tenant: number;
  /** The segment that the rules are for; null before it is created. */
  readonly segmentId: number | null;
  readonly readOnly?: boolean;
  /** Mark what is missing: someone has tried to save. */
  readonly showMissing?: boolean;
  /** Errors of a refused save. */
  readonly refused?: LocatedFaults | null;
  /** Buttons at the end, such as those that save. */
  readonly children?: ReactNode;
}

/** Rows that read as sentences, their exact counts, and the other forms of the same rules. */
export function RuleEditor(props: RuleEditorProps) {
  const { editor, tenant, segmentId, readOnly = false, showMissing = false } = props;
  const container = useRef<HTMLDivElement>(null);
  const [said, setSaid] = useState('');
  const scope = useMemo(() => ({ tenant, segmentId }), [tenant, segmentId]);
  const preview = usePreview(scope, editor.tree);
  const validation = useValidation(tenant, segmentId, editor.tree);
  const unfinished = useMemo(() => new Set(preview.unfinished), [preview.unfinished]);
  const rows: Rows = {
    tenant,
    segmentId,
    editor,
    readOnly,
    shares: preview.shares,
    sharesAreOld: preview.isOld,
    unfinished,
    errors: joined(validation.errors.byNode, props.refused?.byNode ?? preview.faults.byNode),
    warnings: joined(validation.warnings.byNode, preview.warnings.byNode),
    showMissing,
    say: setSaid,
  };
  useUndoKeys(rows, container);
  useFocusAfterEdit(rows, container);
  const drag = useDrag(rows);
  return (
    <RowsContext value={rows}>
      <DragContext value={drag}>
        <section className={classes.editor} aria-label={words.title} data-testid="builder">
          <div className={classes.head}>
            <div className={classes.lead}>
              <span>{words.usersWho}</span>
              <LogicChoice node={editor.tree} />
              <span>{words.ofThese}</span>
            </div>
            <UndoButtons rows={rows} />
            <Count preview={preview} />
          </div>
          {/* biome-ignore lint/a11y/noStaticElementInteractions: the keys belong to the controls inside of it. */}
          <div
            ref={container}
            className={classes.box}
            data-node={editor.tree.id}
            data-root=""
            data-drop={drag.place?.id === editor.tree.id ? drag.place.side : undefined}
            onKeyDown={(event) => onRowKey(rows, event)}
          >
            <GroupRows node={editor.tree} place="" level={1} />
            <RowFaults id={editor.tree.id} />
          </div>
          <CountNotes preview={preview} />
          <SampleUsers preview={preview} />
          <Forms preview={preview} />
          {props.children}
          <span className="hidden" role="status">
            {said}
          </span>
        </section>
      </DragContext>
    </RowsContext>
  );
}

type FaultsByNode = ReadonlyMap<NodeId, readonly NodeFault[]>;

/** Return the errors of both, each once. */
function joined(first: FaultsByNode, second: FaultsByNode): FaultsByNode {
  const all = new Map(first);
  for (const [id, faults] of second) {
    const known = all.get(id) ?? [];
    const isKnown = (fault: NodeFault) =>
      known.some(({ inside, code }) => inside === fault.inside && code === fault.code);
    all.set(id, [...known, ...faults.filter((fault) => !isKnown(fault))]);
  }
  return all;
}
