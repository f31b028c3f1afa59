"""The files that the gateway serves itself: the OpenAPI document, its reference, the SDKs, the console and the documentation."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Final

from segops_local.artifacts.sdks import SDKS
from segops_local.gateway.problem_pages import ONLY_READ
from segops_local.processes.identity import Identity, give

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


_SITE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-NwSx/R2V/U4jnW0Tq5pQ53Y/rzPVJ4dqE7D6UTA/J1k='; "
    "img-src 'self' data:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""The documentation has no inline script: `docs/site/overrides` replaces the theme's own. The one style that its script
adds, for the search, is named by its hash; another version of the generator has another hash."""
_SITE: Final = ("docs", "docs.name")
_READ: Final = f"if ($request_method !~ ^(GET|HEAD)$) {{ return {ONLY_READ}; }}"
"""The folder of the documentation, and the file with the name of the build that it was copied from."""
_SITE_TYPES: Final = (
    "types { text/html html; text/css css; text/javascript js; application/json json; image/png png; "
    "image/svg+xml svg; text/plain txt; text/markdown md; }"
)
_SITE_TEXTS: Final = "text/css text/javascript text/plain text/markdown application/json image/svg+xml"


def publish(
    state_dir: Path, *, url: str, sdks: Path = SDKS, console: Path | None = None, site: Path | None = None
) -> Path:
    """Write all files below the gateway's folder, for a stack at `url`; return their folder."""
    folder = state_dir / FOLDER
    _remove_all(folder, but=_SITE if site is not None and _site_of(folder) == site.name else ())
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
    if site is not None and _site_of(folder) != site.name:
        publish_site(state_dir, site)
    return folder


def _remove_all(folder: Path, *, but: Collection[str]) -> None:
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in but:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _site_of(folder: Path) -> str | None:
    """Return the name of the documentation that is there. A start does not copy hundreds of files that it has already."""
    name = folder / _SITE[1]
    return name.read_text() if name.exists() else None


def publish_site(state_dir: Path, site: Path, identity: Identity | None = None) -> None:
    """Put the documentation below the gateway's folder, as a whole or not at all, and give it to the gateway's user.

    The gateway serves it at once: it need not be started again.
    """
    folder, name = (state_dir / FOLDER / part for part in _SITE)
    half = folder.with_suffix(".part")
    shutil.rmtree(half, ignore_errors=True)
    shutil.copytree(site, half)
    give(half, identity)
    name.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    half.rename(folder)
    name.write_text(site.name)


def locations(folder: str) -> str:
    """Return nginx's directives. `folder` is the gateway's own, without quotes."""
    root = f'root "{folder}/{FOLDER}"; {_TYPES} add_header X-Request-Id $trace always; '
    safe = "add_header X-Content-Type-Options nosniff always; add_header Cache-Control no-cache always; "
    reference = f'{root}{safe}add_header Content-Security-Policy "{_POLICY}" always; add_header Referrer-Policy no-referrer always; '
    return "\n".join(
        [
            f"        location = /openapi.json {{ {root}{safe}add_header Access-Control-Allow-Origin * always; }}",
            f"        location /api/docs/ {{ {reference}}}",
            _led("/api/docs", "/api/docs/"),
            f"        location /sdk/ {{ {root}{safe}autoindex on; autoindex_format json; }}",
            _led("/sdk", "/sdk/"),
            *_documentation(folder),
        ]
    )


def _led(path: str, to: str) -> str:
    """Return the directive that leads readers of a path to another one."""
    return f"        location = {path} {{ {_READ} return 308 {to}; }}"


def _documentation(folder: str) -> tuple[str, ...]:
    """Return the directives for /docs/, and for the paths of the `type` of problems, which lead there."""
    headers = {
        "X-Request-Id": "$trace",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Content-Security-Policy": _SITE_POLICY,
        "Cache-Control": "no-cache",
    }
    added = "".join(f'add_header {name} "{value}" always; ' for name, value in headers.items())
    compressed = f"gzip on; gzip_min_length 1024; gzip_vary on; gzip_types {_SITE_TEXTS}; "
    return (
        f"        location /docs/ {{ {_READ} "
        f'root "{folder}/{FOLDER}"; {_SITE_TYPES} charset utf-8; '
        f"charset_types {_SITE_TEXTS}; {compressed}{added}}}",
        _led("/docs", "/docs/"),
        _led("/llms.txt", "/docs/llms.txt"),
        *(_led(path, "/docs/problems/") for path in ("/problems", "/problems/")),
        '        location /problems/ { rewrite "^/problems/([a-z-]+)/?$" /docs/problems/$1/ permanent; return 404; }',
    )


def _swagger_ui() -> Path:
    """Return the folder of the assets, which a package brings along; the package itself is not imported."""
    spec = importlib.util.find_spec("fastapi_swagger")
    assert spec is not None and spec.origin is not None  # noqa: PT018
    return Path(spec.origin).parent / "resources"
