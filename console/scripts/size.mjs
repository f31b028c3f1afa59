/** Print the JavaScript of the first load, compressed. A test fails above the limit; a build does not. */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const LIMIT = 180 * 1000;
const dist = new URL('../dist/', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('manifest.json', dist), 'utf8'));

function withImports(key, seen = new Set()) {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const next of manifest[key].imports ?? []) withImports(next, seen);
  return seen;
}

const files = [...withImports('index.html')].map((key) => manifest[key].file).filter((file) => file.endsWith('.js'));
const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(new URL(file, dist))).length, 0);
console.log(`first load: ${(bytes / 1000).toFixed(1)} KB of JavaScript, compressed (at most ${LIMIT / 1000} KB)`);
