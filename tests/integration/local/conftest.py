"""Stand-ins for the services, so that the supervisor is tested alone. They are real processes, found on the path first."""

from pathlib import Path

import pytest

STAND_IN = """
import http.server, os, signal, sys, threading
from pathlib import Path

name = f"{Path(__file__).parent.name.removeprefix('segops_')}.{sys.argv[1]}"

def note(what):
    with open(os.environ["STAND_IN_NOTES"], "a") as notes:
        notes.write(f"{what} {name}\\n")

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = name.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass

if os.environ.get("STAND_IN_FAILS"):
    sys.exit("ERROR: failing as requested")
if sys.argv[1] == "migrate":
    note("ran")
    sys.exit(0)
ports = [int(os.environ[name]) for name in ("SEGOPS_INTERNAL_PORT", "SEGOPS_HTTP_PORT") if name in os.environ]
server, *others = [http.server.ThreadingHTTPServer((os.environ["SEGOPS_HTTP_HOST"], port), Handler) for port in ports]
for other in others:
    threading.Thread(target=other.serve_forever, daemon=True).start()
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
note("began")
server.serve_forever(0.02)
note("ended")
"""


@pytest.fixture
def stand_ins(tmp_path: Path) -> dict[str, dict[str, str]]:
    """The `env` of a LocalStack that runs stand-ins. They log their starts and stops to the file STAND_IN_NOTES."""
    folder = tmp_path / "stand-ins"
    for service in ("auth", "ingest", "segments", "membership"):
        package = folder / f"segops_{service}"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "app.py").touch()
        (package / "__main__.py").write_text(STAND_IN)
    return {"*": {"PYTHONPATH": str(folder), "STAND_IN_NOTES": str(tmp_path / "notes")}}
