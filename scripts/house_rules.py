"""The project's own rules, which no linter knows: each finding says what to do instead.

A line that has a reason to differ ends in `# house: <rule> <reason>`.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.wording import nodes_of, refused_words

MAX_MODULE_LINES = 400
MAX_FOLDER_MODULES = 12
SERVICES = ("auth", "ingest", "segments", "membership")
# Spelled in parts, so that this file does not trip over itself.
REGISTRY_HOSTS = re.compile(
    "|".join(
        re.escape(".".join(parts))
        for parts in (
            ("pypi", "org"),
            ("files", "pythonhosted", "org"),
            ("registry", "npmjs", "org"),
            ("registry", "yarnpkg", "com"),
            ("repo1", "maven", "org"),
            ("repo", "maven", "apache", "org"),
            ("deb", "debian", "org"),
        )
    )
)
UNFINISHED = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "X" * 3 + r"\b")))

SESSION_SETTING = re.compile(r"set_config\((?![^()]*,\s*true\))|\bSET (?:SESSION )?(?:ROLE|segops\.)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken rule and where it is broken."""

    path: Path
    line: int
    rule: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.advice}"


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file with its syntax tree."""

    path: Path
    text: str
    tree: ast.Module

    def excused(self, line: int, rule: str) -> bool:
        """Whether the line carries a written exception to the rule."""
        lines = self.text.splitlines()
        return line <= len(lines) and f"# house: {rule} " in lines[line - 1]


Rule = Callable[[Module], Iterator[tuple[int, str]]]


def module_size(module: Module) -> Iterator[tuple[int, str]]:
    """A module that passes the limit is two modules."""
    lines = len(module.text.splitlines())
    if lines > MAX_MODULE_LINES:
        yield MAX_MODULE_LINES, f"{lines} lines; split it, the limit is {MAX_MODULE_LINES}"


def no_mock(module: Module) -> Iterator[tuple[int, str]]:
    """Nothing is patched: collaborators come in through constructors."""
    for node in nodes_of(module.tree):
        if _imports(node, "unittest.mock") or _imports(node, "mock"):
            yield node.lineno, "inject a collaborator; memory adapters pass the same contract suite"  # type: ignore[attr-defined]
        if isinstance(node, ast.arg) and node.arg in ("monkeypatch", "mocker"):
            yield node.lineno, "inject a collaborator instead of patching one"


def environment_only_in_settings(module: Module) -> Iterator[tuple[int, str]]:
    """Only settings.py reads the environment."""
    if not _is_product(module.path) or module.path.name == "settings.py" or "segops_local" in module.path.parts:
        return
    for node in nodes_of(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv") and _is_name(node.value, "os"):
            yield node.lineno, "read it in settings.py and pass it in from bootstrap.py"


def settings_only_in_bootstrap(module: Module) -> Iterator[tuple[int, str]]:
    """Only bootstrap.py reads Settings."""
    if not _is_product(module.path) or module.path.name in ("bootstrap.py", "settings.py"):
        return
    for node in nodes_of(module.tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith(".settings"):
            yield node.lineno, "let bootstrap.py read Settings and hand over what is needed"


def tenant_first(module: Module) -> Iterator[tuple[int, str]]:
    """Every port method on tenant data takes tenant_id first."""
    if not _is_product(module.path) or "ports" not in (module.path.stem, module.path.parent.name):
        return
    for node in nodes_of(module.tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef):
            names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs) if a.arg != "self"]
            if "tenant_id" in names[1:]:
                yield node.lineno, f"{node.name} takes tenant_id, so it takes it first"


def no_jose_outside_tokens(module: Module) -> Iterator[tuple[int, str]]:
    """python-jose is wrapped by one module, so that another library can replace it."""
    if module.path.parts[-2:] == ("security", "tokens.py") or not _is_product(module.path):
        return
    for node in nodes_of(module.tree):
        if _imports(node, "jose"):
            yield node.lineno, "go through segops_common.security.tokens"  # type: ignore[attr-defined]


def tenant_setting_in_transaction(module: Module) -> Iterator[tuple[int, str]]:
    """A setting or role that outlives its transaction would reach the next user of the connection."""
    if not _is_product(module.path):
        return
    for match in SESSION_SETTING.finditer(module.text):
        line = module.text.count("\n", 0, match.start()) + 1
        yield line, "use TenantSession, or `set_config(…, true)`, which ends with the transaction"


def no_unfinished(module: Module) -> Iterator[tuple[int, str]]:
    """Nothing half-done is committed."""
    for number, line in enumerate(module.text.splitlines(), 1):
        if UNFINISHED.search(line):
            yield number, "finish it or file an issue"


def plain_words(module: Module) -> Iterator[tuple[int, str]]:
    """Names and prose use the field's words."""
    yield from refused_words(module.path, module.text, module.tree)


RULES: dict[str, Rule] = {
    "module-size": module_size,
    "no-mock": no_mock,
    "environment": environment_only_in_settings,
    "settings": settings_only_in_bootstrap,
    "tenant-first": tenant_first,
    "jose": no_jose_outside_tokens,
    "tenant-setting": tenant_setting_in_transaction,
    "unfinished": no_unfinished,
    "wording": plain_words,
}


def _imports(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name == name or alias.name.startswith(f"{name}.") for alias in node.names)
    if isinstance(node, ast.ImportFrom) and node.module:
        full = {f"{node.module}.{alias.name}" for alias in node.names}
        return node.module == name or node.module.startswith(f"{name}.") or name in full
    return False


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_product(path: Path) -> bool:
    return any(part.startswith("segops_") for part in path.parts)


def check_module(path: Path, text: str) -> list[Finding]:
    """All findings in one Python file; `path` is relative to the project."""
    module = Module(path, text, ast.parse(text))
    return [
        Finding(path, line, rule, advice)
        for rule, check in RULES.items()
        for line, advice in check(module)
        if not module.excused(line, rule)
    ]


def check_text(path: Path, text: str) -> list[Finding]:
    """Findings in any text file: no file names a package registry's host."""
    return [
        Finding(path, number, "registry-host", "name packages, never the host that serves them")
        for number, line in enumerate(text.splitlines(), 1)
        if REGISTRY_HOSTS.search(line)
    ]


def check_document(path: Path, text: str) -> list[Finding]:
    """Refused words in a Markdown document."""
    return [Finding(path, line, "wording", advice) for line, advice in refused_words(path, text)]


def check_folders(files: list[Path]) -> list[Finding]:
    """Folders of product code with more modules than a reader takes in at a glance; migrations are a list by nature."""
    modules = Counter(
        file.parent
        for file in files
        if file.suffix == ".py" and file.name != "__init__.py" and _is_product(file) and "migrations" not in file.parts
    )
    return [
        Finding(folder, 0, "folder-size", f"{count} modules; sort them into folders, the limit is {MAX_FOLDER_MODULES}")
        for folder, count in sorted(modules.items())
        if count > MAX_FOLDER_MODULES
    ]


def project_files(root: Path) -> list[Path]:
    """What git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    return [Path(line) for line in sorted(set(listed.stdout.splitlines())) if (root / line).is_file()]


def check_tree(root: Path, files: list[Path]) -> list[Finding]:
    """Every finding in the given files of a tree."""
    findings = check_folders(files)
    for file in files:
        try:
            text = (root / file).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        findings += check_text(file, text)
        if file.suffix == ".py":
            findings += check_module(file, text)
        if file.suffix == ".md":
            findings += check_document(file, text)
    return findings


def main() -> int:
    """Print the findings; 1 when there are any."""
    root = Path(__file__).resolve().parent.parent
    findings = check_tree(root, project_files(root))
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
