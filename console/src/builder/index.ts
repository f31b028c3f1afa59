export type { NewSegment } from './data/saving';
export { createSegment } from './data/saving';
export type { SavedSegment } from './data/types';
export { type Editor, useEditor } from './editor/useEditor';
export { type LocatedFaults, locate } from './model/faults';
export { evaluable } from './model/request';
export { group, writeTree } from './model/tree';
export { RuleEditor, type RuleEditorProps } from './RuleEditor';
export { SegmentBuilder, type SegmentBuilderProps } from './SegmentBuilder';
