import { type PointerEvent, useRef, useState } from 'react';
import { move } from '../model/commands';
import { find, type NodeId } from '../model/tree';
import type { Rows } from './context';

/** Where a dragged row would land. */
export interface DropPlace {
  readonly id: NodeId;
  readonly side: 'before' | 'after' | 'inside';
}

/** Dragging rows by their handle, with a mouse, a pen or a finger. */
export interface Drag {
  readonly dragged: NodeId | null;
  readonly place: DropPlace | null;
  readonly handle: (id: NodeId) => {
    readonly onPointerDown: (event: PointerEvent<HTMLElement>) => void;
    readonly onPointerMove: (event: PointerEvent<HTMLElement>) => void;
    readonly onPointerUp: () => void;
    readonly onPointerCancel: () => void;
  };
}

export function useDrag(rows: Rows): Drag {
  const [dragged, setDragged] = useState<NodeId | null>(null);
  const [place, setPlace] = useState<DropPlace | null>(null);
  const active = useRef<NodeId | null>(null);
  const end = () => {
    active.current = null;
    setDragged(null);
    setPlace(null);
  };
  return {
    dragged,
    place,
    handle: (id) => ({
      onPointerDown: (event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        active.current = id;
        setDragged(id);
      },
      onPointerMove: (event) => {
        if (active.current === id) setPlace(placeAt(id, event.clientX, event.clientY));
      },
      onPointerUp: () => {
        if (active.current === id && place !== null) drop(rows, id, place);
        end();
      },
      onPointerCancel: end,
    }),
  };
}

/** Return the place below the pointer; null outside of the rows and over the dragged row itself. */
function placeAt(dragged: NodeId, x: number, y: number): DropPlace | null {
  const under = document.elementFromPoint(x, y);
  const row = under?.closest<HTMLElement>('[data-node]');
  const id = row?.dataset.node;
  if (!row || id === undefined || under?.closest(`[data-node="${dragged}"]`)) return null;
  if (under?.closest('[data-add]') !== null || row.dataset.root !== undefined) return { id, side: 'inside' };
  const { top, bottom } = row.getBoundingClientRect();
  return { id, side: y < (top + bottom) / 2 ? 'before' : 'after' };
}

function drop(rows: Rows, id: NodeId, place: DropPlace): void {
  const visit = find(rows.editor.tree, place.id);
  if (visit === undefined) return;
  if (place.side === 'inside') {
    const length = visit.node.kind === 'group' ? visit.node.children.length : 0;
    rows.editor.edit((tree) => move(tree, id, place.id, length));
    return;
  }
  const { parent } = visit;
  if (!parent) return;
  const index = parent.children.findIndex((child) => child.id === place.id);
  rows.editor.edit((tree) => move(tree, id, parent.id, place.side === 'before' ? index : index + 1));
}
