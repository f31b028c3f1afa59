import { defineConfig } from 'tsdown';

const shared = { outDir: 'dist', target: 'es2022', platform: 'neutral', fixedExtension: true, hash: false } as const;

export default defineConfig([
  {
    ...shared,
    entry: ['src/index.ts', 'src/node.ts', 'src/react.ts', 'src/membership.ts', 'src/server.ts', 'src/testing.ts'],
    format: ['esm', 'cjs'],
    dts: true,
  },
  {
    ...shared,
    // The file name must not depend on the format: pages name it.
    entry: { snippet: 'src/snippet.ts' },
    format: 'iife',
    minify: true,
    clean: false,
    dts: false,
  },
]);
