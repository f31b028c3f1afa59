import { describe, expect, it } from 'vitest';
import { contentType, headOf } from './file';

describe('a file of user ids', () => {
  it('has the type of its name', () => {
    expect(['a.CSV', 'a.tsv', 'a.jsonl', 'a.json', 'ids'].map(contentType)).toEqual([
      'text/csv',
      'text/csv',
      'application/x-ndjson',
      'application/json',
      'text/csv',
    ]);
  });

  it('is shown from its beginning, whatever ends its lines', async () => {
    expect(await headOf(new Blob(['user_id\r\nu-1\r\nu-2']))).toEqual(['user_id', 'u-1', 'u-2']);
  });

  it('is never shown with a line that was cut', async () => {
    const lines = Array.from({ length: 400 }, (_, at) => `user-${at}`);
    const head = await headOf(new Blob([lines.join('\n')]));
    expect(head).toEqual(lines.slice(0, 6));
    expect(await headOf(new Blob([`${'x'.repeat(2_040)}\nlast line is cut`]))).toEqual(['x'.repeat(2_040)]);
  });

  it('may be UTF-16', async () => {
    const bytes = new Uint8Array([0xff, 0xfe, ...[...'id\nu-1'].flatMap((letter) => [letter.charCodeAt(0), 0])]);
    expect((await headOf(new Blob([bytes]))).map((line) => line.replace('\ufeff', ''))).toEqual(['id', 'u-1']);
  });
});
