import createClient from 'openapi-fetch';
import type { paths } from './made/segops.js';

const [url, key, user] = process.argv.slice(2) as [string, string, string];
const api = createClient<paths>({ baseUrl: url, headers: { Authorization: `ApiKey ${key}` } });

function must<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

must(await api.POST('/api/ingestion/track/', { body: { user_id: user, event_type: 'bought', payload: { total: 5 } } }));
const segment = must(
  await api.POST('/api/segments/', {
    body: {
      name: 'by openapi-fetch',
      segment_type: 'rule',
      definition: { logic: 'AND', conditions: [{ type: 'event_count', event_type: 'bought', operator: 'gte', value: 1 }] },
    },
  }),
);
const { run_id } = must(
  await api.POST('/api/segments/{segment_id}/compute/', { params: { path: { segment_id: segment.id } } }),
);
let status = 'queued';
while (status === 'queued' || status === 'running') {
  await new Promise((resolve) => setTimeout(resolve, 100));
  const path = { segment_id: segment.id, run_id };
  status = must(await api.GET('/api/segments/{segment_id}/runs/{run_id}/', { params: { path } })).status;
}
const lookup = must(await api.GET('/api/segments/membership/', { params: { query: { user_id: user } } }));
console.log(JSON.stringify([status, segment.id, lookup.segment_ids]));
