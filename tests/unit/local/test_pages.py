"""The files that the gateway serves itself."""

import json
from pathlib import Path

from segops_local.gateway.pages import publish


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
