import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type ApiProblem, asProblem } from '@/api/problem';
import { CHANGED_MEANWHILE, computeSegment, readSegment, saveOver } from '../data/saving';
import type { SavedSegment, Segment } from '../data/types';
import type { Editor } from '../editor/useEditor';
import { type LocatedFaults, locate } from '../model/faults';
import { sameJson } from '../model/json';
import { writeTree } from '../model/tree';

export interface Save {
  readonly isBusy: boolean;
  readonly problem: ApiProblem | null;
  /** The errors of a refused definition, at their rows. */
  readonly refused: LocatedFaults | null;
  /** The segment as someone else saved it meanwhile; null if nobody did. */
  readonly theirs: Segment | null;
  readonly savedVersion: number | null;
  /** Save the rules; with `andRun`, queue a run afterwards. Return whether it was saved. */
  readonly save: (andRun: boolean) => Promise<boolean>;
  readonly takeTheirs: () => void;
  readonly keepMine: () => void;
}

interface Callbacks {
  readonly onSaved?: ((segment: SavedSegment) => void) | undefined;
  readonly onRun?: ((runId: string) => void) | undefined;
}

/** Save the rules of a segment. */
export function useSave(segment: Segment, editor: Editor, callbacks: Callbacks): Save {
  const client = useQueryClient();
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [refused, setRefused] = useState<LocatedFaults | null>(null);
  const [newer, setNewer] = useState<Segment | null>(null);
  const [savedVersion, setSavedVersion] = useState<number | null>(null);
  const theirs = newer ?? (editor.isDirty && isReplaced(editor, segment) ? segment : null);
  const attempt = async (andRun: boolean) => {
    const base = { version: editor.version ?? segment.version, definition: editor.saved };
    const saved = await saveOver(segment.id, base, writeTree(editor.tree));
    editor.rebase(saved.definition, saved.version);
    setSavedVersion(saved.version);
    callbacks.onSaved?.(saved);
    await client.invalidateQueries({ queryKey: ['builder', 'segment', segment.id] });
    if (andRun) callbacks.onRun?.(await computeSegment(segment.id));
  };
  const fail = async (error: unknown) => {
    const refusal = asProblem(error);
    if (refusal.status === CHANGED_MEANWHILE) setNewer(await readSegment(segment.id));
    else setProblem(refusal);
    setRefused(refusal.faults.length > 0 ? locate(editor.tree, refusal.faults) : null);
    return false;
  };
  return {
    isBusy,
    problem,
    refused,
    theirs,
    savedVersion,
    save: async (andRun) => {
      setBusy(true);
      setProblem(null);
      setRefused(null);
      const done = await attempt(andRun)
        .then(() => true, fail)
        .catch((error: unknown) => {
          setProblem(asProblem(error));
          return false;
        });
      setBusy(false);
      return done;
    },
    takeTheirs: () => {
      if (theirs) editor.rebase(theirs.definition, theirs.version);
      setNewer(null);
    },
    keepMine: () => {
      if (theirs) editor.keepOver(theirs.definition, theirs.version);
      setNewer(null);
    },
  };
}

/** Return whether other rules were saved since those that are edited here. */
function isReplaced(editor: Editor, segment: Segment): boolean {
  return isOlder(editor, segment) && !sameJson(segment.definition, editor.saved);
}

/** Return whether the rules were edited from an older version than the segment has. */
export function isOlder(editor: Editor, segment: Segment): boolean {
  return editor.version !== null && editor.version < segment.version;
}
