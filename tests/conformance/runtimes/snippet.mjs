// A page with the script-tag snippet, in headless Chromium: `snippet.mjs <snippet file> <api url> <number of events>`.
// Prints the outcome. The calls come before the script has loaded.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { newContext, withBrowser } from './browser.mjs';

const [snippet, apiUrl, count] = process.argv.slice(2);
const options = JSON.stringify({ apiUrl, apiKey: 'pk_live_conformance' });
const html = `<script>
  window.segops = { o: ${options}, q: [] };
  for (const name of ['track', 'identify', 'page', 'group', 'alias', 'setContext', 'reset', 'optOut', 'optIn'])
    segops[name] = (...call) => segops.q.push([name, ...call]);
  document.head.append(Object.assign(document.createElement('script'), { async: true, src: '/snippet.iife.js' }));
  for (let n = 0; n < ${Number(count)}; n++) segops.track({ userId: 'u', eventType: 'tested', payload: { n } });
</script>`;
const script = await readFile(snippet, 'utf8');
const server = createServer((request, response) => {
  const isScript = request.url === '/snippet.iife.js';
  response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html; charset=utf-8');
  response.end(isScript ? script : html);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
try {
  const outcome = await withBrowser(snippet, async (browser) => {
    const page = await (await newContext(browser)).newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await page.waitForFunction(() => window.segops.shutdown);
    return page.evaluate(() => window.segops.shutdown());
  });
  console.log(JSON.stringify({ ...outcome, errors: [] }));
} finally {
  server.close();
  server.closeAllConnections();
}
