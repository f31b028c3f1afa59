/** Shapes of the API that the builder reads. Definitions in them are lossless JSON. */

import type { components } from '@/api/generated/schema';
import type { JsonObject } from '../model/json';

type Schemas = components['schemas'];
type WithDefinition<T> = Omit<T, 'definition'> & { readonly definition: JsonObject };

export type PreviewAnswer = Schemas['PreviewRead'];
export type ValidationReport = Schemas['ValidationReportRead'];
export type PlanAnswer = Schemas['PlanRead'];
export type Description = WithDefinition<Schemas['DefinitionDescription']>;
export type Segment = WithDefinition<Schemas['SegmentDetail']>;
export type SavedSegment = WithDefinition<Schemas['SegmentRead']>;
export type PropertyRead = Schemas['PropertyRead'];
export type SegmentList = Schemas['SegmentList'];
