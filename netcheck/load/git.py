"""The files of a git revision, read with git's own plumbing; nothing is checked out or written."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

from netcheck.errors import InputError, UsageError
from netcheck.load.sources import SourceFile, wanted

_LINK, _SUBMODULE = "120000", "160000"


def _git(*arguments: str, given: bytes = b"") -> bytes | None:
    """Run git and return its output, or None if it fails.

    Raises:
        UsageError: there is no git.
    """
    program = shutil.which("git")
    if program is None:
        raise UsageError("`git:` sources need the program `git`, which was not found")
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    done = subprocess.run([program, *arguments], input=given, capture_output=True, check=False, env=environment)  # noqa: S603
    return done.stdout if done.returncode == 0 else None


def files_of_revision(source: str) -> Iterator[SourceFile]:
    """Yield the files of `git:REV[:PATH]`; PATH counts from the top of the repository.

    Raises:
        UsageError: there is no git, or no revision is named.
        InputError: the revision or the path does not exist.
    """
    revision, _, path = source.removeprefix("git:").partition(":")
    path = os.path.normpath(path).strip("/") if path else ""
    path = "" if path == "." else path
    if not revision:
        raise UsageError(f"`{source}` names no revision: write `git:REV` or `git:REV:PATH`")
    if _git("rev-parse", "--git-dir") is None:
        raise InputError(f"`{source}`: the current directory is not in a git repository")
    tree = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{tree}}")
    if tree is None:
        raise InputError(f"`{source}`: git knows no revision `{revision}`")
    entries = _entries(tree.decode().strip(), path)
    if not entries:
        raise InputError(f"`{source}`: revision `{revision}` has no path `{path}`")
    chosen = [(name, chart, entries[name]) for name, chart in wanted(entries)]
    if not chosen and path in entries:
        chosen = [(path, "", entries[path])]
    contents = _contents([identity for _, _, identity in chosen])
    for (name, chart, _), data in zip(chosen, contents, strict=True):
        yield SourceFile(f"git:{revision}:{name}", lambda data=data: data, chart)  # type: ignore[misc]


def _entries(tree: str, path: str) -> dict[str, str]:
    """Return path -> object id of the regular files of a tree below `path`."""
    listed = _git("ls-tree", "-r", "-z", "--full-tree", tree) or b""
    out: dict[str, str] = {}
    for line in listed.split(b"\0"):
        head, tab, name = line.decode("utf-8", "surrogateescape").partition("\t")
        if tab:
            mode, _, identity = head.split(" ")
            inside = not path or name == path or name.startswith(path + "/")
            if inside and mode not in {_LINK, _SUBMODULE}:
                out[name] = identity
    return out


def _contents(identities: list[str]) -> list[bytes]:
    """Return the contents of the objects, by one `git cat-file --batch`."""
    data = _git("cat-file", "--batch", given="".join(f"{identity}\n" for identity in identities).encode()) or b""
    out: list[bytes] = []
    position = 0
    for _ in identities:
        end = data.index(b"\n", position)
        size = int(data[position:end].split(b" ")[2])
        out.append(data[end + 1 : end + 1 + size])
        position = end + size + 2
    return out
