const HEAD_BYTES = 2_048;
const HEAD_LINES = 6;

/** The largest file that one upload may have, in bytes. */
export const LARGEST = 64 * 1024 * 1024;

/** Return the content type that the API expects, by the name of a file. */
export function contentType(name: string): string {
  const ending = name.toLowerCase().split('.').pop() ?? '';
  if (ending === 'ndjson' || ending === 'jsonl') return 'application/x-ndjson';
  return ending === 'json' ? 'application/json' : 'text/csv';
}

/** Return the first lines of a file. UTF-16 is recognised by its byte order mark. */
export async function headOf(file: Blob): Promise<string[]> {
  const bytes = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8';
  const lines = new TextDecoder(encoding).decode(bytes).split(/\r\n|\n|\r/);
  // The last line may be cut.
  if (file.size > HEAD_BYTES && lines.length > 1) lines.pop();
  return lines.slice(0, HEAD_LINES);
}
