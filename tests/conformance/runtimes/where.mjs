// Prints where the browser is, and what its environment needs: `{"path": ..., "env": {...}}`. Another program starts it.
import { unpacked } from './browser.mjs';

const path = await unpacked();
const { LD_LIBRARY_PATH, FONTCONFIG_PATH, TMPDIR } = process.env;
console.log(JSON.stringify({ path, env: { LD_LIBRARY_PATH, FONTCONFIG_PATH, TMPDIR } }));
