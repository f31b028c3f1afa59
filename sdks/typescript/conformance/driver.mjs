// Sends events through the built package, for tests/conformance: `driver.mjs <api url> <number of events>`.
// In a page or a worker, `drive` is called with the same.
import { SegOpsClient } from '../dist/index.mjs';

// A time-out of more than a busy machine takes for an answer.
const QUICK = { retryBaseMs: 20, retryMaxMs: 200, requestTimeoutMs: 3_000 };

/** A client that was given the events. */
export const begin = (apiUrl, count, options = {}) => {
  const segops = new SegOpsClient({ apiUrl, apiKey: 'pk_live_conformance', ...QUICK, ...options });
  for (let n = 0; n < count; n++) {
    segops.track({ userId: `user-${n % 10}`, eventType: 'tested', payload: { n } });
  }
  return segops;
};

/** What came of them. */
export const drive = async (apiUrl, count, options = {}) => {
  const errors = [];
  const onError = (error) => error.event && errors.push(error.code);
  const segops = begin(apiUrl, count, { onError, ...options });
  return { ...(await segops.shutdown(60_000)), errors };
};

if (globalThis.process?.argv?.[3]) {
  drive(process.argv[2], Number(process.argv[3])).then((outcome) => console.log(JSON.stringify(outcome)));
}
