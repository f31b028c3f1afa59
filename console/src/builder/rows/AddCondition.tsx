import { useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import { builder as words } from '@/strings/builder';
import { useRows } from '../editor/context';
import { insert } from '../model/commands';
import { blank, type ConditionType, TYPES } from '../model/language';
import { condition, countConditions, type GroupNode, group, levelsOf, MAX_CONDITIONS, MAX_LEVELS } from '../model/tree';
import { type Choice, Picker } from '../words/Picker';
import classes from './rows.module.css';

const CHOICES: readonly Choice[] = TYPES.map((type) => ({
  key: type,
  label: words.types[type],
  detail: words.typeDetail[type],
  search: words.typeDetail[type],
}));

interface AddProps {
  readonly node: GroupNode;
  readonly place: string;
  readonly level: number;
}

/** Buttons that add a condition, asked for in words, or a group. */
export function AddCondition({ node, place, level }: AddProps) {
  const { editor, readOnly } = useRows();
  const button = useRef<HTMLButtonElement>(null);
  const [isOpen, setOpen] = useState(false);
  if (readOnly) return null;
  const isFull = countConditions(editor.tree) >= MAX_CONDITIONS;
  const isDeep = level >= MAX_LEVELS || levelsOf(editor.tree) > MAX_LEVELS;
  const add = (type: ConditionType) => {
    const added = condition(blank(type));
    editor.edit((tree) => insert(tree, node.id, node.children.length, added), null, { id: added.id, word: 'empty' });
  };
  const addGroup = () => {
    const inner = condition(blank('event_count'));
    const added = group(node.fields.logic === 'OR' ? 'AND' : 'OR', [inner]);
    editor.edit((tree) => insert(tree, node.id, node.children.length, added), null, { id: inner.id, word: 'empty' });
  };
  const isRoot = place === '';
  return (
    <div className={classes.add} data-add={node.id}>
      <button
        ref={button}
        type="button"
        className={classes.addButton}
        aria-haspopup="listbox"
        aria-expanded={isOpen}
        aria-label={isRoot ? undefined : words.addTo(place)}
        disabled={isFull}
        title={isFull ? words.full : undefined}
        onClick={() => flushSync(() => setOpen(!isOpen))}
      >
        {words.add}
      </button>
      {!isDeep && !isFull && (
        <button
          type="button"
          className={classes.addButton}
          aria-label={isRoot ? undefined : words.addGroupTo(place)}
          onClick={addGroup}
        >
          {words.addGroup}
        </button>
      )}
      {isOpen && button.current !== null && (
        <Picker
          label={words.add}
          choices={CHOICES}
          selected={[]}
          placeholder={words.addSearch}
          typed=""
          anchor={button.current}
          onChoose={(key) => add(key as ConditionType)}
          onClose={(returnFocus) => {
            setOpen(false);
            if (returnFocus) button.current?.focus();
          }}
        />
      )}
    </div>
  );
}
