import { expect, it } from 'vitest';
import { changesSomething } from './transport';

it.each([
  ['GET', '/api/segments/', false],
  ['POST', '/api/segments/', true],
  ['POST', '/api/segments/7/compute/', true],
  ['PATCH', '/api/segments/preview/', true],
  ['POST', '/api/segments/preview/', false],
  ['POST', '/api/segments/validate/', false],
  ['POST', '/api/segments/describe/', false],
  ['POST', '/api/auth/invites/lookup/', false],
  ['POST', '/api/auth/invites/accept/', true],
  ['POST', '/api/segments/membership/plan/', false],
  ['POST', '/api/segments/membership/explain/', false],
])('%s %s changes something: %s', (method, path, expected) => {
  expect(changesSomething(method, path)).toBe(expected);
});
