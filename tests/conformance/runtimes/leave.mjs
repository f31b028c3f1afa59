// What becomes of events when a page is left: `leave.mjs <bundled driver> <navigate|close|offline> <api url> <number of events>`.
import { newContext, withBrowser } from './browser.mjs';

const [driver, how, apiUrl, count] = process.argv.slice(2);
// Nothing is sent before the page is left.
const KEEPS = { flushAt: 1e6, flushIntervalMs: 1e6 };
const SENDS = { flushAt: 1, retryBaseMs: 20, retryMaxMs: 200 };

const begin = async (page, options, number) =>
  page.evaluate(
    ([url, settings, events]) => {
      window.client = driver.begin(url, events, settings);
    },
    [apiUrl, options, number],
  );

/** Another page with the SDK, some time later: it sends what was left behind. */
const comeBack = async (context, pageUrl) => {
  const page = await context.newPage();
  await page.goto(pageUrl);
  await begin(page, SENDS, 0);
  await page.waitForFunction(() => !localStorage.length || !Object.keys(localStorage).some((key) => key.split(':').length > 2));
  await page.evaluate(() => window.client.shutdown());
};

await withBrowser(driver, async (browser, pageUrl) => {
  const context = await newContext(browser);
  const page = await context.newPage();
  await page.goto(pageUrl);
  if (how === 'offline') {
    await context.setOffline(true);
    await begin(page, SENDS, Number(count));
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 500)));
    await context.setOffline(false);
    await page.evaluate(() => window.client.shutdown(30_000));
    return;
  }
  await begin(page, KEEPS, Number(count));
  if (how === 'navigate') {
    await page.goto(`${pageUrl}/empty`);
  } else {
    const closed = page.waitForEvent('close');
    await page.close({ runBeforeUnload: true });
    await closed;
  }
  await comeBack(context, pageUrl);
});
console.log('{}');
