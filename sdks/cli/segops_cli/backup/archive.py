"""One file with a backup: a tar with a member that lists the others with their SHA-256, and one with the SHA-256 of the list."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import stat
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from segops_cli.errors import CliError, usage

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
MANIFEST_DIGEST: Final = f"{MANIFEST}.sha256"
_CHUNK: Final = 1024 * 1024


class ArchiveWriter:
    """Adds members to a new archive. The file appears under its name when it is complete."""

    def __init__(self, archive: tarfile.TarFile, folder: Path) -> None:
        self._archive = archive
        self._folder = folder
        self._digests: dict[str, str] = {}

    @contextmanager
    def member(self, name: str) -> Iterator[Path]:
        """Add the file that is written meanwhile."""
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".segops-backup-") as spool:
            path = Path(spool.name)
            yield path
            self._digests[name] = _digest(path)
            self._archive.add(path, arcname=name, recursive=False)

    def add(self, name: str, data: bytes) -> None:
        """Add a small member."""
        with self.member(name) as path:
            path.write_bytes(data)

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Add the list of members, with facts about the backup."""
        manifest = {"format": FORMAT, **facts, "members": dict(self._digests)}
        self.add(MANIFEST, json.dumps(manifest, indent=1).encode())
        self.add(MANIFEST_DIGEST, self._digests[MANIFEST].encode())


@contextmanager
def new_archive(path: Path) -> Iterator[ArchiveWriter]:
    """Write an archive that only its owner can read. Raises CliError if it exists, or another backup writes it."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    # The lock ends with the stream. Until the file has its name, no other backup may look whether the name is free.
    with os.fdopen(_created(unfinished), "wb") as stream:
        try:
            if path.exists():
                raise usage(f"{path} exists", "Name a new file, or remove this one.")
            with tarfile.open(fileobj=stream, mode="w") as archive:
                yield ArchiveWriter(archive, path.parent)
            stream.flush()
            unfinished.rename(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise


def _created(unfinished: Path) -> int:
    """Create and lock a file; one that an interrupted backup left is removed. Raises CliError."""
    try:
        _remove_leftover(unfinished)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            _lock(descriptor, unfinished)
        except OSError:
            os.close(descriptor)
            raise
    except (FileExistsError, BlockingIOError):
        raise usage(f"another backup writes {unfinished}", "Wait for it, or name another file.") from None
    except OSError as error:
        raise usage(f"{unfinished} cannot be written: {error.strerror}") from None
    return descriptor


def _remove_leftover(unfinished: Path) -> None:
    """Remove the file unless a backup writes it (BlockingIOError). Raises CliError for a file of somebody else."""
    try:
        descriptor = os.open(unfinished, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    with os.fdopen(descriptor, "rb"):
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid():
            raise usage(f"{unfinished} is not a file of yours", "Remove it, or name another file.")
        _lock(descriptor, unfinished)
        unfinished.unlink()


def _lock(descriptor: int, path: Path) -> None:
    """Lock the file of this name. Raises BlockingIOError if another process has it, or put another in its place."""
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        is_same = os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        is_same = False
    if not is_same:
        raise BlockingIOError


class ArchiveReader:
    """Reads a complete archive. Every member has been compared with its digest."""

    def __init__(self, archive: tarfile.TarFile, manifest: Mapping[str, Any], folder: Path) -> None:
        self.manifest = manifest
        self._archive = archive
        self._folder = folder

    def names(self, prefix: str) -> list[str]:
        """Return the members below a folder, in their order."""
        return [name for name in self.manifest["members"] if name.startswith(prefix)]

    def read(self, name: str) -> bytes:
        """Return a small member."""
        return _stream(self._archive, name).read()

    @contextmanager
    def unpacked(self, name: str) -> Iterator[Path]:
        """Return a member as a file, which is removed afterwards."""
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".segops-restore-") as spool:
            for chunk in _chunks(_stream(self._archive, name)):
                spool.write(chunk)
            spool.flush()
            yield Path(spool.name)


@contextmanager
def read_archive(path: Path) -> Iterator[ArchiveReader]:
    """Open an archive. Raises CliError for another file, or one that has changed."""
    try:
        archive = tarfile.open(path, mode="r:")  # noqa: SIM115
    except FileNotFoundError:
        raise usage(f"{path} does not exist") from None
    except (OSError, tarfile.TarError) as error:
        raise _damaged(path, str(error)) from error
    with archive:
        yield ArchiveReader(archive, _checked(archive, path), path.parent)


def _checked(archive: tarfile.TarFile, path: Path) -> dict[str, Any]:
    """Return the manifest, if every member is as it was written."""
    try:
        content = _stream(archive, MANIFEST).read()
        # Backups that earlier versions made have no digest of their list.
        if MANIFEST_DIGEST in archive.getnames() and _stream(archive, MANIFEST_DIGEST).read().decode() != _digest_of(
            io.BytesIO(content)
        ):
            raise _damaged(path, f"{MANIFEST} has changed")
        manifest: dict[str, Any] = json.loads(content)
        if manifest["format"] != FORMAT:
            raise usage(f"{path} has the format {manifest['format']}", "Restore it with the version that made it.")
        for name, digest in manifest["members"].items():
            if _digest_of(_stream(archive, name)) != digest:
                raise _damaged(path, f"{name} has changed")
    except (tarfile.TarError, KeyError, ValueError, TypeError) as error:
        raise _damaged(path, str(error)) from error
    return manifest


def _damaged(path: Path, reason: str) -> CliError:
    return usage(f"{path} is no complete backup: {reason}", "Use another copy. Nothing was restored.")


def _stream(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    stream = archive.extractfile(name)
    if stream is None:
        raise KeyError(name)
    return stream


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK):
        yield chunk


def _digest_of(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in _chunks(stream):
        digest.update(chunk)
    return digest.hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return _digest_of(stream)
