import type { RunRead } from '@/api/types';
import { segment as words } from '@/strings/segment';

const FINAL = new Set<RunRead['status']>(['succeeded', 'failed', 'superseded']);

/** Return whether a run has ended. */
export function isFinal(run: RunRead | undefined): boolean {
  return run !== undefined && FINAL.has(run.status);
}

/** Return what a run is doing, in words. */
export function phaseOf(run: RunRead): string {
  if (run.status === 'queued') return words.run.queued;
  return run.progress ? words.run.phases[run.progress.phase] : words.run.running;
}

/** Return how far a run is, from 0 to 100: each phase is an equal part. */
export function shareOf(run: RunRead): number {
  const phases = Object.keys(words.run.phases);
  if (!run.progress) return 0;
  const inside = run.progress.total > 0 ? run.progress.done / run.progress.total : 0;
  return (100 * (phases.indexOf(run.progress.phase) + inside)) / phases.length;
}
