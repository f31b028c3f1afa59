import { toProblem } from '@/api/problem';
import { send } from '@/api/transport';

export interface SlugCheck {
  available: boolean;
  suggestion: string | null;
  /** Why the slug cannot be used, as a rule: "must not be a reserved name". */
  fault: string | null;
}

/** Ask whether a slug is free. Nobody is signed in yet, so there is no token. */
export async function checkSlug(slug: string, signal: AbortSignal): Promise<SlugCheck> {
  const address = new URL(`/api/auth/tenants/slug-check/?slug=${encodeURIComponent(slug)}`, location.origin);
  const response = await send(new Request(address, { signal }));
  if (!response.ok) throw await toProblem(response);
  return (await response.json()) as SlugCheck;
}
