// Opens the API reference in headless Chromium: `reference.mjs <any bundled driver> <address> <screenshot file>`.
// Prints the operations that it shows, what one of them says when opened, and every error.
import { newContext, withBrowser } from './browser.mjs';

const [driver, address, screenshot] = process.argv.slice(2);
const seen = await withBrowser(driver, async (browser) => {
  const page = await (await newContext(browser)).newPage();
  // Of many operations, Swagger UI renders those that are in view.
  await page.setViewportSize({ width: 1280, height: 8_000 });
  const errors = [];
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('requestfailed', (request) => errors.push(request.url()));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => console.error(event.violatedDirective, event.blockedURI));
  });
  await page.goto(`${address}/api/docs/`);
  await page.waitForSelector('.opblock-tag-section');
  const closed = page.locator('.opblock-tag-section:not(.is-open) > .opblock-tag');
  while (await closed.count()) await closed.first().click();
  const shown = new Map();
  for (let step = 0; step < 40; step += 1) {
    const hidden = page.locator('.opblock-tag[data-is-open=false]');
    while (await hidden.count()) await hidden.first().click();
    const blocks = await page.locator('.opblock').evaluateAll((all) => all.map((block) => [block.id, block.querySelector('.opblock-summary-path').dataset.path]));
    for (const [id, path] of blocks) shown.set(id, path);
    await page.evaluate((share) => window.scrollTo(0, document.documentElement.scrollHeight * share), (step + 1) / 40);
    await page.waitForTimeout(50);
  }
  const operations = [...shown.values()];
  await page.evaluate(() => window.scrollTo(0, 0));
  const track = page.locator('#operations-ingestion-track');
  await track.locator('.opblock-summary-control').click();
  const body = await track.locator('.opblock-section-request-body').innerText();
  await track.screenshot({ path: screenshot });
  return { operations, body, errors };
});
console.log(JSON.stringify(seen));
