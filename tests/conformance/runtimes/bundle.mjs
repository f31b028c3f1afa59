// Puts a driver with all that it imports into one file: `bundle.mjs <driver> <file> esm|iife`.
import { createRequire } from 'node:module';

const [driver, file, format] = process.argv.slice(2);
const { rolldown } = await import(createRequire(driver).resolve('rolldown'));
const bundle = await rolldown({ input: driver, platform: 'browser', logLevel: 'silent' });
await bundle.write({ file, format, name: 'driver', codeSplitting: false });
await bundle.close();
