// What a page pays: bytes of an entry of the built package, bundled, minified and compressed with gzip -9.
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

const dist = new URL('../dist/', import.meta.url).pathname;

const sizeOf = async (code) => {
  const bundle = await rolldown({
    input: 'entry',
    external: ['react'],
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === 'entry' ? '\0entry' : undefined),
        load: (id) => (id === '\0entry' ? code : undefined),
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'esm', minify: true, chunkFileNames: '[name].js' });
  return gzipSync(output[0].code, { level: 9 }).length;
};

const core = `export { SegOpsClient } from '${dist}index.mjs';`;
const react = `export * from '${dist}react.mjs';`;
const coreBytes = await sizeOf(core);
console.log(JSON.stringify({ core: coreBytes, react: (await sizeOf(core + react)) - coreBytes }));
