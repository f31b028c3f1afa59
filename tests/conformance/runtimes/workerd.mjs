// Runs a driver in workerd: `workerd.mjs <workerd> <bundled driver> <api url> <number of events>`.
import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [workerd, driver, apiUrl, count] = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), 'segops-workerd-'));
await copyFile(driver, join(folder, 'driver.mjs'));
await writeFile(
  join(folder, 'worker.mjs'),
  `import { drive } from './driver.mjs';
export default {
  async fetch(request, env, context) {
    const { searchParams } = new URL(request.url);
    const options = { waitUntil: (promise) => context.waitUntil(promise) };
    return Response.json(await drive(searchParams.get('api'), Number(searchParams.get('count')), options));
  },
};
`,
);
await writeFile(
  join(folder, 'config.capnp'),
  `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "internet", network = (allow = ["local", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [
    (name = "worker.mjs", esModule = embed "worker.mjs"),
    (name = "driver.mjs", esModule = embed "driver.mjs"),
  ],
  compatibilityDate = "2026-01-01",
);
`,
);
const server = spawn(workerd, ['serve', '--control-fd=3', join(folder, 'config.capnp')], {
  stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
});
try {
  const { port } = await listening(server.stdio[3]);
  const query = new URLSearchParams({ api: apiUrl, count });
  const answer = await fetch(`http://127.0.0.1:${port}/?${query}`);
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  console.log(JSON.stringify(await answer.json()));
} finally {
  server.kill();
  await rm(folder, { recursive: true });
}

async function listening(stream) {
  for await (const line of createInterface({ input: stream })) {
    const event = JSON.parse(line);
    if (event.event === 'listen') return event;
  }
  throw new Error('workerd ended before it listened');
}
