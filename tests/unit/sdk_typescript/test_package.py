"""The TypeScript SDK: its style, types, tests and size, and the package as it would be published."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path

import pytest

from tests.node import ROOT
from tests.typescript_sdk import FOLDER, TypescriptSdk

pytestmark = pytest.mark.sdk
MAX_CORE_BYTES = 3_072
MAX_REACT_BYTES = 600
DOCUMENTS = ("README.md", "docs/quickstart.md", "sdks/typescript/README.md")


def test_style(typescript_sdk: TypescriptSdk) -> None:
    typescript_sdk.run("biome", "check", "--error-on-warnings", ".")


def test_types(typescript_sdk: TypescriptSdk) -> None:
    typescript_sdk.run("tsc")


def test_behaviour(typescript_sdk: TypescriptSdk) -> None:
    """Its own tests, under sdks/typescript/test."""
    typescript_sdk.run("vitest", "run")


def test_size(typescript_sdk: TypescriptSdk) -> None:
    """Of the browser core and what React adds, bundled, minified and compressed."""
    said = typescript_sdk.run(typescript_sdk.node, "scripts/size.mjs")
    size = json.loads(said.splitlines()[-1])
    assert size["core"] <= MAX_CORE_BYTES
    assert size["react"] <= MAX_REACT_BYTES


def test_it_needs_nothing_at_run_time() -> None:
    package = json.loads((FOLDER / "package.json").read_text())
    assert "dependencies" not in package
    assert package["peerDependenciesMeta"] == {name: {"optional": True} for name in package["peerDependencies"]}


def test_the_lock_file_names_no_host() -> None:
    packages = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    del packages[""]
    assert not any("resolved" in package for package in packages.values())
    # A binary for another system may be named without its hash: no registry has it for all who write the lock file.
    assert all("integrity" in package or package["optional"] for package in packages.values())
    assert all(
        "integrity" in package for name, package in packages.items() if "linux-x64" in name and "musl" not in name
    )


def test_the_package_is_sound(typescript_sdk: TypescriptSdk, tarball: Path) -> None:
    typescript_sdk.run("publint", "--strict", str(tarball))
    typescript_sdk.run("attw", str(tarball), "--profile", "node16")
    with tarfile.open(tarball) as packed:
        names = {Path(name).parts[1] for name in packed.getnames()}
    assert names == {"dist", "package.json", "README.md", "LICENSE"}


def test_what_the_documents_show_compiles(typescript_sdk: TypescriptSdk, tmp_path: Path) -> None:
    for name in DOCUMENTS:
        blocks = re.findall(r"^```(tsx?|typescript)\n(.*?)^```", (ROOT / name).read_text(), re.MULTILINE | re.DOTALL)
        assert blocks, name
        # One file a block: a block stands for itself, but for a client that an earlier one made.
        for number, (language, block) in enumerate(blocks):
            suffix = "tsx" if language == "tsx" else "ts"
            header = "" if "segops = new" in block else "declare const segops: import('@segops/sdk').SegOpsClient;\n"
            path = tmp_path / f"{name.replace('/', '-')}-{number}.{suffix}"
            path.write_text(f"{header}{block}\nexport {{}};\n")
    (tmp_path / "node_modules").symlink_to(_modules(tmp_path), target_is_directory=True)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "tsconfig.json").write_text(
        json.dumps(
            {
                "compilerOptions": {
                    "strict": True,
                    "noEmit": True,
                    "target": "es2022",
                    "module": "nodenext",
                    "jsx": "react-jsx",
                    "types": ["node"],
                    "lib": ["es2022", "dom"],
                },
                "include": ["*.ts", "*.tsx"],
            }
        )
    )
    typescript_sdk.run("tsc", "-p", ".", cwd=tmp_path)


def _modules(folder: Path) -> Path:
    """The node_modules of a project that has installed the SDK."""
    modules = folder / "modules"
    (modules / "@segops").mkdir(parents=True)
    (modules / "@segops" / "sdk").symlink_to(FOLDER, target_is_directory=True)
    for name in ("@types", "react"):
        (modules / name).symlink_to(FOLDER / "node_modules" / name, target_is_directory=True)
    return modules
