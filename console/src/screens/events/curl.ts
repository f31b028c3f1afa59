/** Calls that fill an empty screen, for the address that the console is open at. */

function quoted(value: unknown): string {
  return JSON.stringify(value).replaceAll("'", "'\\''");
}

function post(path: string, value: unknown): string {
  return `curl -X POST ${location.origin}${path} \\
  -H "Authorization: ApiKey $SEGOPS_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '${quoted(value)}'`;
}

/** Return the call that sends one event of a user. */
export function trackCurl(userId: string): string {
  const payload = { path: '/pricing' };
  return post('/api/ingestion/track/', { user_id: userId, event_type: 'page_viewed', payload });
}

/** Return the call that sets a trait of a user. */
export function identifyCurl(userId: string): string {
  return post('/api/ingestion/identify/', { user_id: userId, traits: { plan: 'pro' } });
}

/** Return a call that is refused, because it names no event type. */
export function refusedCurl(): string {
  return post('/api/ingestion/track/', { user_id: 'user-123' });
}
