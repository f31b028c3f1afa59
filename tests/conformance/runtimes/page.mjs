// Runs a driver in pages of headless Chromium, all at once:
// `page.mjs <bundled driver> <options> <number of events> <api url>...`, the options as JSON.
// Prints a list of outcomes in the order of the addresses.
import { newContext, withBrowser } from './browser.mjs';

const [driver, options, count, ...apiUrls] = process.argv.slice(2);

const outcomes = await withBrowser(driver, (browser, pageUrl) =>
  Promise.all(
    apiUrls.map(async (apiUrl) => {
      // Contexts share nothing, so that no page sends what another one stored.
      const context = await newContext(browser);
      const page = await context.newPage();
      await page.goto(pageUrl);
      return page.evaluate(([url, number, more]) => driver.drive(url, number, more), [
        apiUrl,
        Number(count),
        JSON.parse(options),
      ]);
    }),
  ),
);
console.log(JSON.stringify(outcomes));
