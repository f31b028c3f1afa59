// Sends events through one of the SDKs, as its documentation says and with its defaults, batches of twenty:
// `driver.mjs <sdk> <api url> <number of events>`. Prints what its calls cost.
import { performance } from 'node:perf_hooks';

const [sdk, url, count] = process.argv.slice(2);
const { origin, pathname } = new URL(url);
const SHUTDOWN_MS = 240_000;

const SDKS = {
  segops: async () => {
    const { SegOpsClient } = await import('../../sdks/typescript/dist/index.mjs');
    const client = new SegOpsClient({ apiUrl: url, apiKey: 'sk_live_bench' });
    return {
      track: (n) => client.track({ userId: `user-${n % 10}`, eventType: 'tested', payload: { n } }),
      end: () => client.shutdown(SHUTDOWN_MS),
    };
  },
  posthog: async () => {
    const { PostHog } = await import('posthog-node');
    const client = new PostHog('phc_bench', { host: url, flushAt: 20, disableGeoip: true });
    return {
      track: (n) => client.capture({ distinctId: `user-${n % 10}`, event: 'tested', properties: { n } }),
      end: () => client.shutdown(SHUTDOWN_MS),
    };
  },
  segment: async () => {
    const { Analytics } = await import('@segment/analytics-node');
    const client = new Analytics({ writeKey: 'bench', host: origin, path: `${pathname}/v1/batch`, flushAt: 20 });
    client.on('error', () => {});
    return {
      track: (n) => client.track({ userId: `user-${n % 10}`, event: 'tested', properties: { n } }),
      end: () => client.closeAndFlush({ timeout: SHUTDOWN_MS }),
    };
  },
  amplitude: async () => {
    const { createInstance } = await import('@amplitude/analytics-node');
    const client = createInstance();
    await client.init('bench', { serverUrl: `${url}/2/httpapi`, flushQueueSize: 20, logLevel: 0 }).promise;
    return {
      track: (n) => client.track('tested', { n }, { user_id: `user-${n % 10}` }),
      end: () => client.flush().promise,
    };
  },
  rudder: async () => {
    const { default: RudderAnalytics } = await import('@rudderstack/rudder-sdk-node');
    const client = new RudderAnalytics('bench', {
      dataPlaneUrl: origin,
      path: `${pathname}/v1/batch`,
      flushAt: 20,
      logLevel: 'error',
    });
    return {
      track: (n) => client.track({ userId: `user-${n % 10}`, event: 'tested', properties: { n } }),
      end: () => new Promise((resolve) => client.flush(() => resolve())),
    };
  },
};

const { track, end } = await SDKS[sdk]();
const calls = new Float64Array(Number(count));
const began = performance.now();
for (let n = 0; n < calls.length; n++) {
  const at = performance.now();
  track(n);
  calls[n] = performance.now() - at;
}
await end();
const ms = performance.now() - began;
const p50 = calls.sort()[calls.length >> 1] * 1000;
console.log(JSON.stringify({ ms, p50_us: p50, peak_mib: process.resourceUsage().maxRSS / 1024 }));
