import {
  AccountsApi,
  ApiKeysApi,
  Configuration,
  IngestionApi,
  MembersApi,
  MembershipApi,
  SegmentsApi,
  SessionsApi,
} from './made/axios';

const [url, slug, user] = process.argv.slice(2) as [string, string, string];
const email = `${slug}@example.com`;
const password = 'correct-horse-battery';

const nobody = new Configuration({ basePath: url });
await new AccountsApi(nobody).signUp({ email, password, tenant_name: slug, tenant_slug: slug });
const { data: token } = await new SessionsApi(nobody).createToken({ email, password });
const person = new Configuration({ basePath: url, accessToken: token.access_token });
const { data: key } = await new ApiKeysApi(person).createApiKey({
  name: 'backend',
  scopes: ['events:write', 'segments:read', 'membership:read'],
});
const program = new Configuration({ basePath: url, apiKey: `ApiKey ${key.key}` });

const ingestion = new IngestionApi(program);
await ingestion.track({ user_id: user, event_type: 'bought', payload: { total: 5 } });
await ingestion.identify({ user_id: user, traits: { plan: 'starter' } });

const segments = new SegmentsApi(person);
const { data: segment } = await segments.createSegment({ name: 'by openapi-generator' });
await segments.updateSegment(segment.id, {
  definition: { logic: 'AND', conditions: [{ type: 'event_count', event_type: 'bought', operator: 'gte', value: 1 }] },
});
const { data: queued } = await segments.computeSegment(segment.id);
let status = 'queued';
while (status === 'queued' || status === 'running') {
  await new Promise((resolve) => setTimeout(resolve, 100));
  status = (await segments.getRun(queued.run_id, segment.id)).data.status;
}
const { data: members } = await new MembersApi(program).listSegmentMembers(segment.id);
const { data: lookup } = await new MembershipApi(program).getMembership(user);
const ids = members.results.map((member) => member.user_id);
console.log(JSON.stringify([status, segment.id, ids, lookup.segment_ids]));
