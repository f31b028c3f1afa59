import { ActionIcon, Tooltip } from '@mantine/core';
import { builder as words } from '@/strings/builder';
import type { Rows } from '../editor/context';
import classes from './summary.module.css';

const IS_MAC = /Mac|iPhone|iPad/.test(navigator.userAgent);
const UNDO = IS_MAC ? '⌘Z' : 'Ctrl+Z';
const REDO = IS_MAC ? '⇧⌘Z' : 'Ctrl+Shift+Z';

/** Undo and redo for pointers. */
export function UndoButtons({ rows }: { readonly rows: Rows }) {
  if (rows.readOnly) return null;
  const { editor } = rows;
  return (
    <div className={classes.undo}>
      <Tooltip label={`${words.keys.undo} (${UNDO})`}>
        <ActionIcon
          size={24}
          variant="transparent"
          aria-label={words.keys.undo}
          disabled={!editor.canUndo}
          onClick={editor.undo}
        >
          <span aria-hidden="true">↶</span>
        </ActionIcon>
      </Tooltip>
      <Tooltip label={`${words.keys.redo} (${REDO})`}>
        <ActionIcon
          size={24}
          variant="transparent"
          aria-label={words.keys.redo}
          disabled={!editor.canRedo}
          onClick={editor.redo}
        >
          <span aria-hidden="true">↷</span>
        </ActionIcon>
      </Tooltip>
    </div>
  );
}
