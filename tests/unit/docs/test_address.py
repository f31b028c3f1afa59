"""The script that puts the reader's address into the commands of the documentation."""

from __future__ import annotations

import json

import pytest

from tests.node import ROOT, find_node

PAGE = """
const texts = [{data: 'curl http://127.0.0.1:8080/api/ && open http://127.0.0.1:8080'}, {data: 'http://127.0.0.1:80'}];
let at = -1;
globalThis.location = {origin: ORIGIN};
globalThis.NodeFilter = {SHOW_TEXT: 4};
globalThis.document = {
  body: {},
  createTreeWalker: () => ({
    nextNode: () => ++at < texts.length,
    get currentNode() { return texts[at]; },
  }),
};
SCRIPT
console.log(JSON.stringify(texts.map((text) => text.data)));
"""


@pytest.mark.parametrize("origin", ["http://127.0.0.1:18200", "https://segops.example.com", "http://127.0.0.1:8080"])
def test_commands_have_the_address_of_the_reader(origin: str) -> None:
    node = find_node()
    script = (ROOT / "docs/site/address.js").read_text()
    program = PAGE.replace("ORIGIN", json.dumps(origin)).replace("SCRIPT", script)
    shown = json.loads(node.run(str(node.node), "-e", program, cwd=ROOT))
    assert shown == [f"curl {origin}/api/ && open {origin}", "http://127.0.0.1:80"]
