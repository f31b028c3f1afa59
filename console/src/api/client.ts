import createClient from 'openapi-fetch';
import type { paths } from './generated/schema';
import { toProblem } from './problem';
import { accessToken } from './session';
import { send } from './transport';

async function authorized(request: Request, token: string): Promise<Response> {
  const headers = new Headers(request.headers);
  headers.set('Authorization', `Bearer ${token}`);
  return send(new Request(request.clone(), { headers }));
}

/** Send a request with the access token. After a 401, refresh the token once and send it again. Raise ApiProblem. */
export async function authorizedFetch(request: Request): Promise<Response> {
  const token = await accessToken();
  let response = await authorized(request, token);
  if (response.status === 401) response = await authorized(request, await accessToken(token));
  if (!response.ok && response.status !== 304) throw await toProblem(response);
  return response;
}

/** All operations of the API. Every refusal is raised as ApiProblem. */
export const api = createClient<paths>({ baseUrl: location.origin, fetch: authorizedFetch });

/** Return the body of an answer: `await body(api.GET('/api/auth/me/'))`. */
export async function body<T>(call: Promise<{ data?: T }>): Promise<T> {
  const { data } = await call;
  return data as T;
}

/** Download a file of the API under a name. */
export async function download(path: string, name: string): Promise<void> {
  const response = await authorizedFetch(new Request(new URL(path, location.origin)));
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
