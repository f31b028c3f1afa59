"""The files that the gateway serves itself: the OpenAPI document, its rendered reference, the SDKs and the console."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Final

from segops_local.artifacts.sdks import SDKS

FOLDER: Final = "pages"
"""Name of the folder below the gateway's own."""
_ROOT: Final = Path(__file__).resolve().parents[4]
_DOCUMENT: Final = _ROOT / "docs" / "openapi" / "segops.json"

_INDEX: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>SegOps API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<noscript>The reference needs JavaScript. The document is at <a href="/openapi.json">/openapi.json</a>.</noscript>
<script src="swagger-ui-bundle.js"></script>
<script src="reference.js"></script>
</body>
</html>
"""
_SCRIPT: Final = """SwaggerUIBundle({
  url: '/openapi.json', dom_id: '#reference', deepLinking: true, docExpansion: 'none',
  persistAuthorization: false, validatorUrl: null,
});
"""
# Swagger UI sets inline styles. Everything else is of this origin: no asset, request or frame of another.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES: Final = (
    "types { application/json json; text/html html; text/css css; text/javascript js; "
    "application/gzip tgz gz; application/zip whl; }"
)


def publish(state_dir: Path, *, url: str, sdks: Path = SDKS, console: Path | None = None) -> Path:
    """Write all files below the gateway's folder, for a stack at `url`; return their folder."""
    folder = state_dir / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    reference = folder / "api" / "docs"
    reference.mkdir(parents=True)
    document = json.loads(_DOCUMENT.read_text())
    document["servers"] = [{"url": url}]
    (folder / "openapi.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    (reference / "index.html").write_text(_INDEX)
    (reference / "reference.js").write_text(_SCRIPT)
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        shutil.copyfile(_swagger_ui() / name, reference / name)
    (folder / "sdk").mkdir()
    for file in sorted(sdks.glob("*")) if sdks.is_dir() else ():
        if file.suffix in (".tgz", ".js", ".whl"):
            shutil.copyfile(file, folder / "sdk" / file.name)
    if console is not None:
        shutil.copytree(console, folder / "console")
    return folder


def locations(folder: str) -> str:
    """Return nginx's directives. `folder` is the gateway's own, without quotes."""
    root = f'root "{folder}/{FOLDER}"; {_TYPES} add_header X-Request-Id $trace always; '
    safe = "add_header X-Content-Type-Options nosniff always; add_header Cache-Control no-cache always; "
    reference = f'{root}{safe}add_header Content-Security-Policy "{_POLICY}" always; add_header Referrer-Policy no-referrer always; '
    return "\n".join(
        [
            f"        location = /openapi.json {{ {root}{safe}add_header Access-Control-Allow-Origin * always; }}",
            f"        location /api/docs/ {{ {reference}}}",
            "        location = /api/docs { return 308 /api/docs/; }",
            f"        location /sdk/ {{ {root}{safe}autoindex on; autoindex_format json; }}",
            "        location = /sdk { return 308 /sdk/; }",
        ]
    )


def _swagger_ui() -> Path:
    """Return the folder of the assets, which a package brings along; the package itself is not imported."""
    spec = importlib.util.find_spec("fastapi_swagger")
    assert spec is not None and spec.origin is not None  # noqa: PT018
    return Path(spec.origin).parent / "resources"
