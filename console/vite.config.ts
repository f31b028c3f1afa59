import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

// A stack that `npm run dev` and `vite preview` pass API calls to.
const stack = process.env.SEGOPS_STACK ?? 'http://127.0.0.1:8080';
const proxy = { '/api': { target: stack, changeOrigin: true } };

// The chart library reads the language of the browser when it is loaded, and fails for one that is not a language tag.
// All numbers of the console are written in one way.
const numbersInCharts: Plugin = {
  name: 'numbers-in-charts',
  transform: (code, id) => (id.includes('/uplot/') ? code.replaceAll('nav.language', "'en-US'") : null),
};

export default defineConfig({
  plugins: [numbersInCharts],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    target: 'es2022',
    manifest: 'manifest.json',
    chunkSizeWarningLimit: 600,
    assetsInlineLimit: 0,
    // Libraries mark their modules with "use client", which means nothing here.
    rolldownOptions: { onLog: (level, log, next) => log.code !== 'MODULE_LEVEL_DIRECTIVE' && next(level, log) },
  },
  server: { proxy },
  preview: { proxy },
});
