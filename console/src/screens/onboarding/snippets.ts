export const LANGUAGES = ['curl', 'typescript', 'python', 'script'] as const;
export type Language = (typeof LANGUAGES)[number];

export interface Snippet {
  install: string | null;
  code: string;
}

/** Return what installs the SDK of a language, and what sends one event with it. */
export function snippet(language: Language, address: string, key: string): Snippet {
  switch (language) {
    case 'curl':
      return { install: null, code: curl(address, key) };
    case 'typescript':
      return { install: `npm install ${address}/sdk/segops-sdk.tgz`, code: typescript(address, key) };
    case 'python':
      return { install: `pip install ${address}/sdk/segops_client-0.1.0-py3-none-any.whl`, code: python(address, key) };
    case 'script':
      return { install: null, code: script(address, key) };
  }
}

function curl(address: string, key: string): string {
  return `curl -X POST ${address}/api/ingestion/track/ \\
  -H "Authorization: ApiKey ${key}" \\
  -H "Content-Type: application/json" \\
  -d '{"user_id": "user-123", "event_type": "page_viewed", "payload": {"path": "/pricing"}}'`;
}

function typescript(address: string, key: string): string {
  return `// segops.mts: run it with npx tsx segops.mts
import { SegOpsClient } from '@segops/sdk';

const segops = new SegOpsClient({ apiUrl: '${address}', apiKey: '${key}' });

segops.track({ userId: 'user-123', eventType: 'page_viewed', payload: { path: '/pricing' } });
await segops.flush();`;
}

function python(address: string, key: string): string {
  return `from segops_client import SegOpsClient

segops = SegOpsClient("${address}", "${key}")

segops.track(user_id="user-123", event_type="page_viewed", payload={"path": "/pricing"})
segops.flush()`;
}

function script(address: string, key: string): string {
  return `<script>
  window.segops = { o: { apiUrl: '${address}', apiKey: '${key}' }, q: [] };
  for (const name of ['track', 'identify', 'page', 'trackPageView', 'group', 'alias', 'setContext', 'reset', 'optOut', 'optIn'])
    segops[name] = (...call) => segops.q.push([name, ...call]);
  document.head.append(Object.assign(document.createElement('script'), { async: true, src: '${address}/sdk/segops.js' }));
  segops.track({ userId: 'user-123', eventType: 'page_viewed', payload: { path: location.pathname } });
</script>`;
}
