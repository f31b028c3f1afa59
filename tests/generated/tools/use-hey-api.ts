import { client } from './made/hey/client.gen';
import { computeSegment, createSegment, getMembership, getRun, track } from './made/hey/sdk.gen';

const [url, key, user] = process.argv.slice(2) as [string, string, string];
client.setConfig({ baseUrl: url, headers: { Authorization: `ApiKey ${key}` }, throwOnError: true });

await track({ body: { user_id: user, event_type: 'bought', payload: { total: 5 } }, throwOnError: true });
const segment = await createSegment({
  body: {
    name: 'by hey-api',
    segment_type: 'rule',
    definition: { logic: 'AND', conditions: [{ type: 'event_count', event_type: 'bought', operator: 'gte', value: 1 }] },
  },
  throwOnError: true,
});
const segment_id = segment.data.id;
const { data: queued } = await computeSegment({ path: { segment_id }, throwOnError: true });
let status = 'queued';
while (status === 'queued' || status === 'running') {
  await new Promise((resolve) => setTimeout(resolve, 100));
  status = (await getRun({ path: { segment_id, run_id: queued.run_id }, throwOnError: true })).data.status;
}
const lookup = await getMembership({ query: { user_id: user }, throwOnError: true });
console.log(JSON.stringify([status, segment_id, lookup.data.segment_ids]));
