import { describe, expect, it } from 'vitest';
import { ApiProblem } from '@/api/problem';
import { faultAt, unplaced } from './fields';

const fault = (path: string) => ({ path, code: 'wrong', detail: `${path} is wrong` });
const refusal = (...paths: string[]) => new ApiProblem(422, 'validation-failed', 'See errors.', paths.map(fault));

describe('a refused form', () => {
  it('shows a fault at its field, also inside of a list', () => {
    expect(faultAt(refusal('email'), 'email')).toBe('email is wrong');
    expect(faultAt(refusal('body.allowed_origins.1'), 'allowed_origins')).toBe('body.allowed_origins.1 is wrong');
    expect(faultAt(refusal('email'), 'role')).toBeNull();
    expect(faultAt(null, 'email')).toBeNull();
  });
  it('shows the problem below unless all faults are at fields', () => {
    expect(unplaced(refusal('email', 'role'), 'email', 'role')).toBeNull();
    expect(unplaced(refusal('email', 'other'), 'email')).toBeInstanceOf(ApiProblem);
    expect(unplaced(new ApiProblem(409, 'slug-taken', 'Taken.'), 'slug')?.message).toBe('Taken.');
    expect(unplaced(null, 'email')).toBeNull();
  });
});
