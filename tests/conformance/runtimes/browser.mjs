// What the scripts for headless Chromium share: a browser, and a page on a loopback address with the bundled driver.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import chromium from '@sparticuz/chromium';
import { chromium as playwright } from 'playwright-core';

const QUIET = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];

/** Calls `use(browser, pageUrl)`; the paths below `pageUrl` are pages too, those that begin with `/empty` without a driver. */
export const withBrowser = async (driver, use) => {
  const script = await readFile(driver, 'utf8');
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(request.url.startsWith('/empty') ? '<p>left</p>' : `<script>${script.replaceAll('</script', '<\\/script')}</script>`);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await playwright.launch({
    executablePath: await chromium.executablePath(),
    args: [...chromium.args, ...QUIET],
    headless: true,
  });
  try {
    return await use(browser, `http://127.0.0.1:${server.address().port}`);
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
  }
};
