"""The files that the gateway serves itself."""

import json
from pathlib import Path

from segops_local.gateway.pages import publish, publish_site


def test_files_are_written_anew_at_each_start(tmp_path: Path) -> None:
    sdks = tmp_path / "sdks"
    (sdks / "typescript").mkdir(parents=True)
    for name in ("segops-sdk.tgz", "segops.js", "segops_client-1-py3-none-any.whl", "Python.digest"):
        (sdks / name).write_text(name)
    folder = publish(tmp_path / "gateway", url="http://127.0.0.1:8123", sdks=sdks)
    assert sorted(file.name for file in (folder / "sdk").iterdir()) == [
        "segops-sdk.tgz",
        "segops.js",
        "segops_client-1-py3-none-any.whl",
    ]
    assert json.loads((folder / "openapi.json").read_text())["servers"] == [{"url": "http://127.0.0.1:8123"}]

    publish(tmp_path / "gateway", url="http://127.0.0.1:8123", sdks=tmp_path / "absent")
    assert list((folder / "sdk").iterdir()) == []


def test_the_documentation_is_copied_once(tmp_path: Path) -> None:
    def published(site: Path | None) -> Path:
        return publish(tmp_path / "gateway", url="http://127.0.0.1:8123", sdks=tmp_path / "absent", site=site)

    sites = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(name)
        sites.append(tmp_path / name)
    page = published(sites[0]) / "docs" / "index.html"
    assert page.read_text() == "first"
    copy = page.stat().st_ino
    published(sites[0])
    assert page.stat().st_ino == copy
    published(sites[1])
    assert page.read_text() == "second"
    publish_site(tmp_path / "gateway", sites[0])
    assert page.read_text() == "first"
    published(None)
    assert not page.exists()
    published(sites[0])
    assert page.read_text() == "first"
