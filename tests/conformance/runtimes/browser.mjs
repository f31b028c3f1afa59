// What the scripts for headless Chromium share: a browser, and a page on a loopback address with the bundled driver.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium as playwright } from 'playwright-core';

// The browser is unpacked here, not into a folder that all checkouts and users share.
process.env.TMPDIR = fileURLToPath(new URL('../../../.segops-cache', import.meta.url));
// The package brings the libraries too, for machines that have none; it looks at this when it is loaded.
process.env.AWS_LAMBDA_JS_RUNTIME = 'nodejs22.x';
const { default: chromium } = await import('@sparticuz/chromium');

/** Far more than a busy machine takes. */
const TIMEOUT_MS = 120_000;
// Not those that the package would have: they switch off what a page of another origin may not do.
const FLAGS = ['--no-sandbox', '--no-zygote', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];

/** Unpacks the browser unless that was done; its path. */
export const unpacked = () => chromium.executablePath();

/** Names the fonts that were unpacked: the package's own file names other folders, and a browser without fonts ends at the first text. */
const nameFonts = async () => {
  const fonts = join(process.env.TMPDIR, 'fonts');
  process.env.FONTCONFIG_FILE = join(fonts, `page-${process.pid}.conf`);
  const folders = `<dir>${fonts}</dir><cachedir>${fonts}-cache</cachedir>`;
  await writeFile(process.env.FONTCONFIG_FILE, `<?xml version="1.0"?><fontconfig>${folders}</fontconfig>`);
  return process.env.FONTCONFIG_FILE;
};

export const newContext = async (browser) => {
  const context = await browser.newContext();
  context.setDefaultTimeout(TIMEOUT_MS);
  return context;
};

/** Calls `use(browser, pageUrl)`; the paths below `pageUrl` are pages too, those that begin with `/empty` without a driver. */
export const withBrowser = async (driver, use) => {
  const script = await readFile(driver, 'utf8');
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(request.url.startsWith('/empty') ? '<p>left</p>' : `<script>${script.replaceAll('</script', '<\\/script')}</script>`);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const executablePath = await unpacked();
  const fonts = await nameFonts();
  const browser = await playwright.launch({
    executablePath,
    args: FLAGS,
    headless: true,
    timeout: TIMEOUT_MS,
  });
  try {
    return await use(browser, `http://127.0.0.1:${server.address().port}`);
  } finally {
    await browser.close();
    await rm(fonts);
    server.close();
    server.closeAllConnections();
  }
};
