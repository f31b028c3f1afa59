// Unpacks the browser, for one process alone: others would take an unfinished one for it.
import { unpacked } from './browser.mjs';

console.log(await unpacked());
