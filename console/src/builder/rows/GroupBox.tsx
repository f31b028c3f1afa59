import type { ReactNode } from 'react';
import { builder as words } from '@/strings/builder';
import { useRows } from '../editor/context';
import { setLogic } from '../model/commands';
import { type GroupNode, isNegated, type Logic, logicOf } from '../model/tree';
import { ChoiceWord } from '../words/Word';
import { AddCondition } from './AddCondition';
import { Row, RowFaults } from './Row';
import classes from './rows.module.css';

interface GroupBoxProps {
  readonly node: GroupNode;
  /** Its number, such as `2.1`; empty for the outermost group. */
  readonly place: string;
  readonly level: number;
}

type LogicWord = keyof typeof words.logic;

interface InnerGroupProps extends GroupBoxProps {
  /** The numbers and the menu of the group. */
  readonly side: ReactNode;
}

/** A group inside of another: how its conditions combine, its rows, and what adds to it. */
export function GroupBox({ side, ...group }: InnerGroupProps) {
  return (
    <div className={classes.group}>
      <div className={classes.groupHead}>
        <LogicChoice node={group.node} />
        <span className={classes.grow}>{words.ofThese}</span>
        {side}
      </div>
      <RowFaults id={group.node.id} />
      <GroupRows {...group} />
    </div>
  );
}

/** The rows of a group. */
export function GroupRows({ node, place, level }: GroupBoxProps) {
  const inner = (index: number) => (place === '' ? String(index + 1) : `${place}.${index + 1}`);
  return (
    <div className={classes.rows}>
      {node.children.map((child, index) => (
        <Row key={child.id} node={child} parent={node} index={index} place={inner(index)} level={level + 1} />
      ))}
      {node.children.length === 0 && (
        <p className={classes.empty}>{logicOf(node) === 'AND' ? words.emptyAll : words.emptyAny}</p>
      )}
      <AddCondition node={node} place={place} level={level} />
    </div>
  );
}

/** The word that says how the conditions of a group combine. */
export function LogicChoice({ node }: { readonly node: GroupNode }) {
  const { editor } = useRows();
  return (
    <ChoiceWord
      label={words.groupLabel}
      names={words.logic}
      details={words.logicDetail}
      value={logicWord(node)}
      onChoose={(word) => editor.edit((tree) => setLogic(tree, node.id, LOGIC[word].logic, LOGIC[word].negate))}
    />
  );
}

const LOGIC: Readonly<Record<LogicWord, { readonly logic: Logic; readonly negate: boolean }>> = {
  all: { logic: 'AND', negate: false },
  any: { logic: 'OR', negate: false },
  none: { logic: 'OR', negate: true },
  notAll: { logic: 'AND', negate: true },
};

function logicWord(node: GroupNode): LogicWord {
  if (logicOf(node) === 'AND') return isNegated(node) ? 'notAll' : 'all';
  return isNegated(node) ? 'none' : 'any';
}
