import { computeSegment, createSegment, getMembership, getRun, track } from './made/orval/segops';

const [url, key, user] = process.argv.slice(2) as [string, string, string];
const plain = globalThis.fetch;
// The functions ask for paths only: an app of theirs sets address and headers here.
globalThis.fetch = (path, init) => plain(url + String(path), init);
const as = { headers: { Authorization: `ApiKey ${key}`, 'Content-Type': 'application/json' } };

const sent = await track({ user_id: user, event_type: 'bought', payload: { total: 5 } }, as);
if (sent.status !== 202) throw new Error(JSON.stringify(sent));
const segment = await createSegment(
  {
    name: 'by orval',
    segment_type: 'rule',
    definition: { logic: 'AND', conditions: [{ type: 'event_count', event_type: 'bought', operator: 'gte', value: 1 }] },
  },
  as,
);
if (segment.status !== 201) throw new Error(JSON.stringify(segment));
const queued = await computeSegment(segment.data.id, {}, as);
if (queued.status !== 202) throw new Error(JSON.stringify(queued));
let status = 'queued';
while (status === 'queued' || status === 'running') {
  await new Promise((resolve) => setTimeout(resolve, 100));
  const run = await getRun(segment.data.id, queued.data.run_id, as);
  if (run.status !== 200) throw new Error(JSON.stringify(run));
  status = run.data.status;
}
const lookup = await getMembership({ user_id: user }, as);
if (lookup.status !== 200) throw new Error(JSON.stringify(lookup));
console.log(JSON.stringify([status, segment.data.id, lookup.data.segment_ids]));
