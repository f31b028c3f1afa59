import { asProblem } from '@/api/problem';
import { type JsonObject, sameJson } from '../model/json';
import { getJson, sendJson } from './json-api';
import type { PlanAnswer, SavedSegment, Segment } from './types';

export function readSegment(segmentId: number, signal?: AbortSignal): Promise<Segment> {
  return getJson<Segment>(`/api/segments/${segmentId}/`, signal);
}

export const CHANGED_MEANWHILE = 412;

/** The saved rules that an edit began from. */
export interface Base {
  readonly version: number;
  readonly definition: JsonObject;
}

/**
 * Save a definition over the one that was edited. Raise ApiProblem, with status 412 if the rules have changed since.
 * A change of name or tags is a new version too, but no reason to refuse.
 */
export async function saveOver(segmentId: number, base: Base, definition: JsonObject): Promise<SavedSegment> {
  try {
    return await saveDefinition(segmentId, base.version, definition);
  } catch (error) {
    const present = asProblem(error).status === CHANGED_MEANWHILE ? await readSegment(segmentId) : null;
    if (present === null || !sameJson(present.definition, base.definition)) throw error;
    return saveDefinition(segmentId, present.version, definition);
  }
}

function saveDefinition(segmentId: number, version: number, definition: JsonObject): Promise<SavedSegment> {
  return sendJson<SavedSegment>(
    `/api/segments/${segmentId}/`,
    { definition },
    { method: 'PATCH', headers: { 'If-Match': `"${version}"` } },
  );
}

/** Return who would enter and leave if the definition were saved and computed. */
export function planDefinition(segmentId: number, definition: JsonObject, signal: AbortSignal): Promise<PlanAnswer> {
  return sendJson<PlanAnswer>('/api/segments/membership/plan/', { segment_id: segmentId, definition }, { signal });
}

/** Queue a run, and return its id. */
export async function computeSegment(segmentId: number): Promise<string> {
  const accepted = await sendJson<{ run_id: string }>(`/api/segments/${segmentId}/compute/`, {});
  return accepted.run_id;
}

export interface NewSegment {
  readonly name: string;
  readonly description: string;
  readonly refresh: 'manual' | 'hourly';
  readonly kind: 'rule' | 'static';
}

/** Create a segment. A static one has a list of people in place of rules. */
export function createSegment(tenant: number, form: NewSegment, definition: JsonObject): Promise<SavedSegment> {
  const common = { tenant, name: form.name, description: form.description, segment_type: form.kind };
  return sendJson<SavedSegment>(
    '/api/segments/',
    form.kind === 'rule' ? { ...common, refresh: form.refresh, definition } : common,
  );
}
