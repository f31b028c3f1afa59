import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// Tests are next to what they test, in ../src. They find vitest here, because ../node_modules has only what a build needs.
export default defineConfig({
  root: at('..'),
  resolve: { alias: { '@': at('../src'), vitest: at('./node_modules/vitest') } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
