import { useContext } from 'react';
import { Icon } from '@/components/icons';
import { builder as words } from '@/strings/builder';
import { act } from '../editor/actions';
import { useRows } from '../editor/context';
import { useErrors } from '../editor/marks';
import { setLogic } from '../model/commands';
import type { NodeFault } from '../model/faults';
import { type GroupNode, isNegated, logicOf, type NodeId, type TreeNode } from '../model/tree';
import { Sentence } from '../sentences/Sentence';
import { DragContext } from './DragContext';
import { GroupBox } from './GroupBox';
import { RowMenu } from './RowMenu';
import classes from './rows.module.css';
import { Shares } from './Shares';

interface RowProps {
  readonly node: TreeNode;
  readonly parent: GroupNode;
  readonly index: number;
  /** Its number, such as `2` or `2.1`. */
  readonly place: string;
  readonly level: number;
}

/** A condition or a group in the list of rows. */
export function Row({ node, parent, index, place, level }: RowProps) {
  const drag = useContext(DragContext);
  const side = drag?.place?.id === node.id ? drag.place.side : undefined;
  const label = words.conditionName(place);
  return (
    <fieldset
      data-node={node.id}
      data-kind={node.kind}
      data-drop={side}
      data-dragged={drag?.dragged === node.id || undefined}
      data-testid={`row-${place}`}
      aria-label={label}
      className={classes.row}
    >
      {index > 0 && <Joint parent={parent} />}
      <div className={classes.content}>
        <Handle id={node.id} />
        {node.kind === 'group' ? (
          <GroupBox node={node} place={place} level={level} side={<Side node={node} label={label} />} />
        ) : (
          <>
            <div className={classes.sentence}>
              <div className={classes.first}>
                {isNegated(node) && <Not id={node.id} />}
                <div className={classes.words}>
                  <Sentence node={node} />
                </div>
              </div>
              <RowFaults id={node.id} />
            </div>
            <Side node={node} label={label} />
          </>
        )}
      </div>
    </fieldset>
  );
}

/** What is at the right of a row: its numbers and its menu. */
function Side({ node, label }: { readonly node: TreeNode; readonly label: string }) {
  return (
    <div className={classes.side}>
      <Shares node={node} />
      <RowMenu id={node.id} label={label} />
    </div>
  );
}

function Handle({ id }: { readonly id: NodeId }) {
  const { readOnly } = useRows();
  const drag = useContext(DragContext);
  if (readOnly) return null;
  return (
    // The menu and the keys of the row move it too, so the handle is for pointers only.
    <span
      className={classes.handle}
      title={words.row.drag}
      data-testid="handle"
      aria-hidden="true"
      {...drag?.handle(id)}
    >
      <Icon name="drag" />
    </span>
  );
}

function Not({ id }: { readonly id: NodeId }) {
  const rows = useRows();
  return (
    <button
      type="button"
      data-word=""
      className={classes.not}
      aria-label={words.row.notLabel}
      disabled={rows.readOnly}
      onClick={() => act(rows, 'negate', id)}
    >
      {words.row.not}
    </button>
  );
}

/** The word between two rows: and, or. It changes for the whole group. */
function Joint({ parent }: { readonly parent: GroupNode }) {
  const { editor, readOnly } = useRows();
  const logic = logicOf(parent);
  const word = logic === 'AND' ? words.and : words.or;
  return (
    <button
      type="button"
      tabIndex={-1}
      className={classes.joint}
      aria-label={words.changeLogic(word)}
      title={words.changeLogic(word)}
      disabled={readOnly}
      onClick={() =>
        editor.edit((tree) => setLogic(tree, parent.id, logic === 'AND' ? 'OR' : 'AND', isNegated(parent)))
      }
    >
      {word}
    </button>
  );
}

/** Errors and warnings of a row, where they belong. */
export function RowFaults({ id }: { readonly id: NodeId }) {
  const { editor, warnings } = useRows();
  const errors = useErrors(id);
  // The line for a group without rows says that it is everyone or no one.
  const isEmpty = id === editor.tree.id && editor.tree.children.length === 0;
  const all = isEmpty ? [] : (warnings.get(id) ?? []);
  if (errors.length === 0 && all.length === 0) return null;
  return (
    <ul className={classes.faults}>
      {errors.map((fault) => (
        <FaultLine key={`${fault.inside} ${fault.code}`} fault={fault} look="error" />
      ))}
      {all.map((fault) => (
        <FaultLine key={`${fault.inside} ${fault.code}`} fault={fault} look="warning" />
      ))}
    </ul>
  );
}

function FaultLine({ fault, look }: { readonly fault: NodeFault; readonly look: 'error' | 'warning' }) {
  return (
    <li data-look={look} data-testid={look}>
      <Icon name="warning" size={14} />
      <span>
        {fault.inside !== '' && <code>{fault.inside}</code>} {fault.detail}
      </span>
    </li>
  );
}
