"""The server of the files in the image `console`: nginx, with the same locations as the gateway of `make run`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from segops_local.artifacts.site import complete
from segops_local.gateway import console_pages, pages, problem_pages
from segops_local.site.prepare import prepare

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = "/srv/segops"
"""Where the image has the files, below `pages`."""
_CONFIG: Final = """\
daemon off;
worker_processes 1;
pid @run@/nginx.pid;
error_log stderr warn;

events {
    worker_connections 1024;
}

http {
    access_log off;
    client_max_body_size 1k;
    client_body_temp_path @run@/client_body;
    proxy_temp_path @run@/proxy;
    fastcgi_temp_path @run@/fastcgi;
    uwsgi_temp_path @run@/uwsgi;
    scgi_temp_path @run@/scgi;
    keepalive_timeout 75s;
    server_tokens off;
    absolute_redirect off;
    default_type application/json;

    map $http_x_request_id $trace {
        default $request_id;
        "~^[A-Za-z0-9._:-]{1,128}$" $http_x_request_id;
    }
    # No page of another origin reads these files, except the OpenAPI document.
    map $request_uri $any_page {
        default "";
    }
    map $request_uri $page_reads {
        default "";
    }

    server {
        listen @port@;
        add_header X-Request-Id $trace always;

        location = /livez { return 200 '{"status": "ok"}\\n'; }
        location = /readyz { return 200 '{"status": "ok"}\\n'; }
        location = /healthz { return 200 '{"status": "ok"}\\n'; }
@locations@

@problems@
    }
}
"""


def files_config(policy: str, *, folder: str = FOLDER, run: str = "/tmp", port: int = 8000) -> str:
    """Return nginx's configuration. `policy` is the Content-Security-Policy of the console; it writes only to `run`."""
    own = f"{folder}/{pages.FOLDER}/console"
    locations = "\n".join([pages.locations(folder), console_pages.locations(own, policy)])
    values = {"run": run, "port": str(port), "locations": locations, "problems": problem_pages.rendered()}
    text = _CONFIG
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def _built_site(work: Path) -> Path:
    """Return the folder of the documentation. The generator is on the path of modules."""
    prepare(ROOT, work)
    command = (sys.executable, "-m", "zensical", "build", "--strict")
    subprocess.run(command, cwd=work, env={**os.environ, "NO_COLOR": "1"}, check=True)
    return complete(ROOT, work)


def main(arguments: list[str]) -> int:
    """Write the files and the configuration into a folder: `console FOLDER DIST SDKS`. The image is built with it."""
    folder, dist, sdks = map(Path, arguments)
    with tempfile.TemporaryDirectory() as work:
        pages.publish(folder, url="/", sdks=sdks, console=dist, site=_built_site(Path(work)))
    (folder / "nginx.conf").write_text(files_config((ROOT / "console" / "csp.txt").read_text().strip()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
