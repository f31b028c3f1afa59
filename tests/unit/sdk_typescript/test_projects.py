"""The packed SDK, installed in small projects of the usual kinds, works in each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.typescript_sdk import FOLDER, TypescriptSdk

pytestmark = pytest.mark.sdk
# Tracks an event before a server that fails once, and prints what arrived.
_USE: Final = """
const { fetch, requests } = fakeFetch([500]);
const segops = new SegOpsClient({ apiUrl: 'http://segops.test', apiKey: 'pk_live_x', fetch, retryBaseMs: 1 });
const undo = closeOnExit(segops);
segops.track({ userId: 'user-1', eventType: 'seen', payload: { n: 1 } });
const body = JSON.stringify({ segment_ids: [42] });
const membership = new Membership({ apiUrl: 'http://segops.test', apiKey: 'sk_live_x', fetch: async () => new Response(body) });
Promise.all([segops.shutdown(), membership.segmentsOf('user-1')]).then(([counts, segments]) => {
  undo();
  console.log(JSON.stringify([counts.sent, requests.map(({ body }) => body.batch[0].event_type), segments]));
});
"""
_PRINTED: Final = [1, ["seen", "seen"], [42]]
_PARTS: Final = (
    ("SegOpsClient", ""),
    ("closeOnExit", "/node"),
    ("Membership", "/membership"),
    ("fakeFetch", "/testing"),
)
_IMPORTS: Final = "".join(f"import {{ {name} }} from '@segops/sdk{path}';\n" for name, path in _PARTS)
_REQUIRES: Final = "".join(f"const {{ {name} }} = require('@segops/sdk{path}');\n" for name, path in _PARTS)

_NEXT: Final = {
    "app/providers.tsx": """'use client';
import { SegOpsClient } from '@segops/sdk';
import { SegOpsProvider, useSegments, useTrack } from '@segops/sdk/react';
import type { ReactNode } from 'react';

const segops = new SegOpsClient({ apiUrl: 'http://segops.test', apiKey: 'pk_live_x' });

export const Providers = ({ children }: { children: ReactNode }) => (
  <SegOpsProvider client={segops} loadSegments={async () => (await fetch('/segments')).json()}>
    {children}
  </SegOpsProvider>
);

export const Offer = () => {
  const track = useTrack();
  const { isIn } = useSegments('user-1');
  return <button onClick={() => track('taken')}>{isIn(42) ? 'for you' : 'for all'}</button>;
};
""",
    "app/segments/route.ts": """import { Membership } from '@segops/sdk/membership';

const membership = new Membership({ apiUrl: 'http://segops.test', apiKey: 'sk_live_x' });

export const GET = async (): Promise<Response> => Response.json(await membership.segmentsOf('user-1'));
""",
    "app/page.tsx": """import { Offer, Providers } from './providers.js';

const Page = () => (
  <Providers>
    <Offer />
  </Providers>
);
export default Page;
""",
    "render.tsx": """import { renderToString } from 'react-dom/server';
import Page from './app/page.js';
import { GET } from './app/segments/route.js';

console.log(JSON.stringify([renderToString(<Page />), typeof GET]));
""",
}

_TAG: Final = """
const { readFileSync } = require('node:fs');
const { runInNewContext } = require('node:vm');
const sent = [];
const fetch = async (_, { body }) => sent.push(JSON.parse(body)) && new Response('{}', { status: 202 });
const stub = { o: { apiUrl: 'http://segops.test', apiKey: 'pk_live_x', fetch }, q: [['track', { userId: 'u', eventType: 'early' }]] };
const page = { segops: stub, crypto, TextEncoder, AbortController, Response, setTimeout, clearTimeout };
runInNewContext(readFileSync('node_modules/@segops/sdk/dist/snippet.iife.js', 'utf8'), page);
page.segops.track({ userId: 'u', eventType: 'late' });
page.segops.shutdown().then(() => console.log(JSON.stringify(sent[0].batch.map((event) => event.event_type))));
"""


@pytest.fixture(scope="module")
def installed(typescript_sdk: TypescriptSdk, tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The node_modules of a project in which the package was installed, and nothing else."""
    project = tmp_path_factory.mktemp("project")
    (project / "package.json").write_text("{}")
    command = ("install", "--offline", "--no-audit", "--no-fund", str(tarball))
    typescript_sdk.run(*typescript_sdk.npm, *command, cwd=project)
    modules = project / "node_modules"
    assert sorted(path.name for path in modules.iterdir() if path.name[0] != ".") == ["@segops"]
    return modules


def project(folder: Path, modules: Path, files: Mapping[str, str], *more: str) -> Path:
    """A project with the package, and with `more` of what the SDK is developed with."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "node_modules").mkdir()
    shutil.copytree(modules / "@segops", folder / "node_modules" / "@segops")
    for name in more:
        (folder / "node_modules" / name).symlink_to(FOLDER / "node_modules" / name, target_is_directory=True)
    return folder


def last_line(said: str) -> object:
    return json.loads(said.splitlines()[-1])


@pytest.mark.parametrize(("name", "code"), [("index.cjs", _REQUIRES + _USE), ("index.mjs", _IMPORTS + _USE)])
def test_modules_of_both_kinds(
    typescript_sdk: TypescriptSdk, installed: Path, tmp_path: Path, name: str, code: str
) -> None:
    folder = project(tmp_path, installed, {name: code})
    assert last_line(typescript_sdk.run(typescript_sdk.node, name, cwd=folder)) == _PRINTED


def test_a_bundle(typescript_sdk: TypescriptSdk, installed: Path, tmp_path: Path) -> None:
    folder = project(tmp_path, installed, {"index.js": _IMPORTS + _USE, "package.json": '{"type": "module"}'})
    typescript_sdk.run(*("rolldown", "index.js", "--dir", "out", "--minify", "--platform", "node"), cwd=folder)
    chunks = list((folder / "out").iterdir())
    assert all("@segops" not in chunk.read_text() for chunk in chunks)
    assert len(chunks) == 2, "what most pages do not need is a chunk of its own"
    assert last_line(typescript_sdk.run(typescript_sdk.node, "out/index.js", cwd=folder)) == _PRINTED


def test_an_app_of_server_and_client_components(typescript_sdk: TypescriptSdk, installed: Path, tmp_path: Path) -> None:
    options = {"strict": True, "target": "es2022", "module": "nodenext", "jsx": "react-jsx", "types": ["node"]}
    settings = json.dumps({"compilerOptions": options | {"lib": ["es2022", "dom"], "outDir": "out"}})
    files = {**_NEXT, "tsconfig.json": settings, "package.json": '{"type": "module"}'}
    folder = project(tmp_path, installed, files, "@types", "react", "react-dom")
    typescript_sdk.run("tsc", "-p", ".", cwd=folder)
    printed = last_line(typescript_sdk.run(typescript_sdk.node, "out/render.js", cwd=folder))
    assert printed == ["<button>for all</button>", "function"]
    for name in ("react.mjs", "react.cjs"):
        assert (installed / "@segops/sdk/dist" / name).read_text().startswith('"use client"')


def test_a_script_tag(typescript_sdk: TypescriptSdk, installed: Path, tmp_path: Path) -> None:
    folder = project(tmp_path, installed, {"page.cjs": _TAG})
    assert last_line(typescript_sdk.run(typescript_sdk.node, "page.cjs", cwd=folder)) == ["early", "late"]
