// Sends events through the built package, for tests/conformance: `driver.mjs <api url> <number of events>`.
// In a page or a worker, `drive` is called with the same.
import { SegOpsClient } from '../dist/index.mjs';

export const drive = async (apiUrl, count, options = {}) => {
  const errors = [];
  const segops = new SegOpsClient({
    apiUrl,
    apiKey: 'pk_live_conformance',
    retryBaseMs: 20,
    retryMaxMs: 200,
    // More than a busy machine takes for an answer.
    requestTimeoutMs: 3_000,
    onError: (error) => error.event && errors.push(error.code),
    ...options,
  });
  for (let n = 0; n < count; n++) {
    segops.track({ userId: `user-${n % 10}`, eventType: 'tested', payload: { n } });
  }
  return { ...(await segops.shutdown(20_000)), errors };
};

if (globalThis.process?.argv?.[3]) {
  console.log(JSON.stringify(await drive(process.argv[2], Number(process.argv[3]))));
}
