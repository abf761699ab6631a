"""Files that are named by URL: fetched to this machine to be read, written whole or not at all.

    with fetched("s3://bucket/feedback.parquet") as path: ...        # a path on this machine
    with delivered("gs://bucket/analyses.jsonl") as stream: ...      # there once the block has ended well
    Folder.at("abfs://container@account.dfs.core.windows.net/parts").write("a.json", b"{}")

fsspec does the work: `file://`, `memory://` and what the extra `cloud` brings, S3, Google Cloud Storage, Azure and
HTTP. Credentials come from the environment, as each of these has it; what a URL holds of them is never shown.
"""

import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import models

_AZURE = ("abfs", "abfss", "az")
_PACKAGES = {
    "file": "fsspec",
    "memory": "fsspec",
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    **dict.fromkeys(_AZURE, "adlfs"),
    "http": "aiohttp",
    "https": "aiohttp",
}
"""The schemes that are taken, each with the package that reads it."""


def is_url(name: str) -> bool:
    """Whether this names a place by URL; all else is a path on this machine."""
    return "://" in name


def shown(name: str) -> str:
    """A path as it is; of a URL only what is no secret: neither user and password nor query."""
    if not is_url(name):
        return name
    scheme, rest = _split(name)
    path = rest.partition("?")[0].partition("#")[0]
    host, sign, after = path.partition("/")
    if scheme in _AZURE and ":" not in host:
        return f"{scheme}://{path}"  # what stands before the @ is the container there
    word = host.rpartition("@")[2].partition(":")[2]
    if word and not word.isdecimal():
        # A password, and no port; it may hold a slash, and then ends behind what looks like the host.
        host, sign, after = path.rpartition("@")[2].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{sign}{after}"


def file_name(name: str) -> str:
    """The last part of a path or URL."""
    return PurePosixPath(urlsplit(shown(name)).path).name if is_url(name) else Path(name).name


@contextmanager
def fetched(name: str) -> Iterator[str]:
    """The path of a file on this machine; what a URL names is copied here and removed after the block.

    Raises `InputError` ("unreadable_file", "truncated_file", "unknown_scheme"), `MissingExtraError`, and
    `ListenwellError` ("storage_full") where there is no room for the copy.
    """
    if not is_url(name):
        yield name
        return
    system, path = _opened(name)
    if _is_local(system):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="listenwell-") as folder:
        copy = Path(folder) / (file_name(name) or "file")
        with _told(name, "read", "unreadable_file"):
            size = system.info(path).get("size")
            system.get_file(path, str(copy))
        if size is not None and copy.stat().st_size != size:
            raise models.InputError(
                f"{shown(name)}: came in part only, or changed meanwhile", code="truncated_file"
            )
        yield str(copy)


@contextmanager
def delivered(name: str) -> Iterator[BinaryIO]:
    """A stream whose content is put under the URL when the block has ended, unless it raised.

    Raises what `fetched` does, with the code "unwritable_file"; the content then stays on this machine, where
    the message says.
    """
    system, path = _opened(name)
    if _split(name)[0] in ("http", "https"):
        raise models.InputError(f"{shown(name)}: http is for reading only", code="unwritable_file")
    folder = Path(tempfile.mkdtemp(prefix="listenwell-"))
    copy = folder / (file_name(name) or "file")
    try:
        with copy.open("wb") as stream:
            yield stream
    except BaseException:
        shutil.rmtree(folder)
        raise
    with _told(name, "written", "unwritable_file", f"; the content is in {copy}"):
        _make_parent(system, path)
        system.put_file(str(copy), path)
    shutil.rmtree(folder)


@dataclass(frozen=True)
class Folder:
    """A folder by URL or path. Its files are whole or not there, whoever is killed. Safe to send to other processes.

    Raises `InputError` ("unreadable_file", "unwritable_file", "unknown_scheme") and `MissingExtraError`.
    """

    url: str = field(repr=False)  # it may hold a secret

    @classmethod
    def at(cls, name: str) -> "Folder":
        """The folder of a name, wherever it is read from."""
        return cls(name if is_url(name) else str(Path(name).absolute()))

    def under(self, name: str) -> "Folder":
        """A folder in it."""
        return Folder(f"{self.url.rstrip('/')}/{name}")

    def names(self) -> set[str]:
        """The files in it; none if it is not there."""
        system, path = _opened(self.url)
        with _told(self.url, "read", "unreadable_file"):
            try:
                found = system.ls(path, detail=False)
            except FileNotFoundError:
                return set()
        return {PurePosixPath(one).name for one in found}

    def read(self, name: str) -> bytes:
        """A file's content."""
        content = self.find(name)
        if content is None:
            raise models.InputError(f"{shown(self.url)}/{name}: no such file", code="unreadable_file")
        return content

    def find(self, name: str) -> bytes | None:
        """A file's content, or None if there is none."""
        system, path = _opened(self.url)
        with _told(f"{self.url}/{name}", "read", "unreadable_file"):
            try:
                content: bytes = system.cat_file(f"{path}/{name}")
            except FileNotFoundError:
                return None
        return content

    def write(self, name: str, content: bytes) -> None:
        """Put a file there, or another in its place."""
        system, path = _opened(self.url)
        with _told(f"{self.url}/{name}", "written", "unwritable_file"):
            if _is_local(system):
                _replace(Path(path) / name, content)
            else:
                system.pipe_file(f"{path}/{name}", content)

    def remove(self) -> None:
        """The folder with all in it, if it is there."""
        system, path = _opened(self.url)
        with _told(self.url, "written", "unwritable_file"):
            if system.exists(path):
                system.rm(path, recursive=True)

    def discard(self, name: str) -> None:
        """One file."""
        system, path = _opened(self.url)
        with _told(f"{self.url}/{name}", "written", "unwritable_file"):
            system.rm_file(f"{path}/{name}")


def _split(url: str) -> tuple[str, str]:
    scheme, _, rest = url.partition("://")
    return scheme.lower(), rest


def _is_local(system: Any) -> bool:
    return "file" in system.protocol


def _opened(name: str) -> tuple[Any, str]:
    """The file system of a name and the path in it."""
    import fsspec  # here, since servers name no file by URL and should be up soon

    if not is_url(name):
        return fsspec.filesystem("file"), name
    scheme = _split(name)[0]
    package = _PACKAGES.get(scheme)
    if package is None or "::" in name:
        listed = ", ".join(f"{one}://" for one in _PACKAGES)
        raise models.InputError(f"{_short(scheme)}://: must be one of {listed}", code="unknown_scheme")
    try:
        # Other processes write there, too, and a list that is kept would not know of it.
        system, path = fsspec.core.url_to_fs(name, use_listings_cache=False)
    except ImportError:
        raise models.MissingExtraError(
            f"{scheme}:// needs the package {package}: pip install -e '.[cloud]'"
        ) from None
    except Exception as error:
        # Each library has its own errors, and their words may hold what is secret in the URL.
        raise _fault(name, "read", "unreadable_file", error) from None
    return system, path


@contextmanager
def _told(name: str, done: str, code: str, more: str = "") -> Iterator[None]:
    """What a library raises, in our words; its own may hold what is secret in the URL."""
    try:
        yield
    except models.ListenwellError:
        raise
    except Exception as error:
        raise _fault(name, done, code, error, more) from None


def _fault(name: str, done: str, code: str, error: Exception, more: str = "") -> models.ListenwellError:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return models.ListenwellError(f"{shown(name)}: no room on the disk{more}", code="storage_full")
    if _is_unreachable(error):
        return models.InputError(f"{shown(name)}: its host cannot be reached{more}", code=code)
    if isinstance(error, FileNotFoundError):
        return models.InputError(f"{shown(name)}: no such file, bucket or folder{more}", code=code)
    if isinstance(error, PermissionError):
        return models.InputError(f"{shown(name)}: access is denied{more}", code=code)
    return models.InputError(f"{shown(name)}: cannot be {done} ({type(error).__name__}){more}", code=code)


def _is_unreachable(error: BaseException | None) -> bool:
    """Whether a connection failed, which some file systems tell as a file that is not there."""
    while error is not None:
        if isinstance(error, OSError) and type(error).__name__.startswith(
            ("ClientConnect", "Connection", "gai")
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def _make_parent(system: Any, path: str) -> None:
    if _is_local(system):
        Path(path).parent.mkdir(parents=True, exist_ok=True)


def _replace(path: Path, content: bytes) -> None:
    """Under another name first, and brought to the disk: a file of the final name is a whole one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _short(name: str) -> str:
    return ascii(name)[1:-1][:20]
