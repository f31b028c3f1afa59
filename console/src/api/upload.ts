import { ApiProblem, noAnswer } from './problem';
import { accessToken } from './session';
import type { Problem } from './types';

function problemOf(request: XMLHttpRequest): ApiProblem {
  const requestId = request.getResponseHeader('X-Request-Id');
  try {
    const problem = JSON.parse(request.responseText) as Problem;
    const type = problem.type.split('/').filter(Boolean).pop() ?? '';
    return new ApiProblem(request.status, type, problem.detail || problem.title, problem.errors, requestId);
  } catch {
    return new ApiProblem(request.status, '', `The server answered with status ${request.status}.`, [], requestId);
  }
}

function sendFile(
  path: string,
  file: File,
  type: string,
  token: string,
  onProgress: (share: number) => void,
): Promise<XMLHttpRequest> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('PUT', path);
    request.setRequestHeader('Authorization', `Bearer ${token}`);
    request.setRequestHeader('Content-Type', type);
    request.upload.onprogress = (event) => onProgress(event.total > 0 ? event.loaded / event.total : 0);
    request.onload = () => resolve(request);
    request.onerror = () => reject(noAnswer());
    request.send(file);
  });
}

/** Put a file to a path and report its progress from 0 to 1, which fetch cannot do. Raise ApiProblem if it is refused. */
export async function upload<T>(
  path: string,
  file: File,
  type: string,
  onProgress: (share: number) => void,
): Promise<T> {
  const token = await accessToken();
  let request = await sendFile(path, file, type, token, onProgress);
  if (request.status === 401) request = await sendFile(path, file, type, await accessToken(token), onProgress);
  if (request.status >= 400) throw problemOf(request);
  return JSON.parse(request.responseText) as T;
}
