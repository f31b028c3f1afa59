"""Ports are kept over restarts, and never given twice."""

import json
import socket
import subprocess
import sys
from pathlib import Path

from segops_local.state.ports import is_free, let_go, remembered_port, remembered_ports


def test_a_port_is_remembered_until_somebody_takes_it(tmp_path: Path) -> None:
    file = tmp_path / "port"
    port = remembered_port(file)
    assert remembered_port(file) == port
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
        other = remembered_port(file)
        assert other != port
    assert remembered_port(file) == other


def test_two_programs_never_choose_the_same_port(tmp_path: Path) -> None:
    """Seconds pass before a server listens. Until then the port is free, but taken."""
    file = tmp_path / "ports"
    chosen = remembered_ports(file, ["a", "b", "c"])
    again = "import sys; from pathlib import Path; from segops_local.state.ports import remembered_ports as r;"
    again += "print(*r(Path(sys.argv[1]), 'abc').values())"

    def by_another_program() -> set[int]:
        other = tmp_path / f"other-{len(list(tmp_path.iterdir()))}"
        other.write_text(file.read_text())
        run = subprocess.run([sys.executable, "-c", again, other], capture_output=True, text=True, check=True)
        return set(map(int, run.stdout.split()))

    assert by_another_program().isdisjoint(chosen.values())
    let_go(chosen.values())
    assert by_another_program() == set(chosen.values())


def test_a_damaged_memory_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("99999999")
    assert is_free(remembered_port(file))
    (tmp_path / "ports").write_text("[1, 2")
    assert len(set(remembered_ports(tmp_path / "ports", ["a", "b"]).values())) == 2


def test_two_names_never_share_a_port(tmp_path: Path) -> None:
    file = tmp_path / "ports"
    first = remembered_ports(file, ["a", "b"])
    file.write_text(json.dumps({"a": first["a"], "b": first["a"]}))
    again = remembered_ports(file, ["a", "b"])
    assert again["a"] == first["a"] != again["b"]
