"""What the user names as sources: files, directories, stdin and git revisions, as an ordered list of files.

Directories are walked in sorted order; hidden, git-ignored and node_modules folders are not entered.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from netcheck.errors import InputError, UsageError
from netcheck.load.capture import Capture
from netcheck.load.cluster_api import Access
from netcheck.load.rendering import Rendered, Rendering

KUSTOMIZATIONS = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})
SUFFIXES = (".yaml", ".yml", ".json")
CLUSTER, SNAPSHOT = "cluster:", ".json.gz"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read: `chart` is the chart in whose `templates/` folder it lies, or empty.

    Of a cluster or snapshot, `capture` reads it; it has no text.
    """

    name: str
    read: Callable[[], bytes]
    chart: str = ""
    capture: Callable[[], Capture] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How sources are read: what `-` means, what is rendered and for which namespace, and how to get to clusters."""

    stdin: BinaryIO | None = None
    rendering: Rendering = Rendering()
    namespace: str = "default"
    access: Access = Access()
    namespaces: tuple[str, ...] = ()
    progress: Callable[[str], None] | None = None


def is_captured(source: str) -> bool:
    """Return whether a source is a live cluster or a snapshot of one."""
    return source.startswith(CLUSTER) or source.endswith(SNAPSHOT)


def _nothing() -> bytes:
    return b""


def files_of(source: str, reading: Reading) -> Iterator[SourceFile]:
    """Yield the files of one source.

    Raises:
        UsageError: the source is of a kind that is not supported, or there is no such context.
        InputError: the source does not exist, or cannot be rendered.
    """
    if source == "-":
        if reading.stdin is None:
            raise UsageError("`-` reads stdin, which is not available here")
        yield SourceFile("<stdin>", reading.stdin.read)
    elif source.startswith(CLUSTER):
        from netcheck.load import live  # noqa: PLC0415 - the client costs half a second

        how = live.Reading(
            access=reading.access, limits=live.limits_of(reading.access), namespaces=reading.namespaces,
            progress=reading.progress,
        )  # fmt: skip
        yield SourceFile(source, _nothing, capture=lambda: live.read_cluster(source, how))
    elif source.endswith(SNAPSHOT):
        from netcheck.load.snapshot import read_snapshot  # noqa: PLC0415

        yield SourceFile(source, _nothing, capture=lambda: read_snapshot(source))
    elif source.startswith("git:"):
        from netcheck.load.git import files_of_revision  # noqa: PLC0415 - starts a process

        yield from files_of_revision(source)
    else:
        yield from _files_of_path(source, reading)


def _files_of_path(source: str, reading: Reading) -> Iterator[SourceFile]:
    path = Path(source)
    if path.is_dir():
        yield from _Walk(source, reading).files()
    elif path.exists():
        yield SourceFile(source, path.read_bytes)
    else:
        raise InputError(f"`{source}` does not exist: expected a file, a directory, `-`, or `git:REV[:PATH]`")


def is_hidden(name: str) -> bool:
    """Return whether a folder or file of this name is passed over."""
    return name.startswith(".") or name == "node_modules"


class _Walk:
    """One walk through a directory."""

    def __init__(self, source: str, reading: Reading) -> None:
        self._source = source
        self._reading = reading
        self._parts: frozenset[str] | None = None
        self._seen: set[str] = set()
        self._patches: set[str] = set()
        self._ignores = _Ignores(source)

    def files(self) -> Iterator[SourceFile]:
        """Yield the files in sorted order."""
        yield from self._enter(self._source, "")

    def _enter(self, folder: str, chart: str) -> Iterator[SourceFile]:
        real = os.path.realpath(folder)
        if real in self._seen:
            return
        self._seen.add(real)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            return
        names = {entry.name for entry in entries}
        if ".gitignore" in names:
            self._ignores.add(folder)
        rendered = self._rendered(folder, names)
        if rendered is not None:
            yield from rendered
            return
        self._leave_out_patches(folder, names)
        for entry in entries:
            if is_hidden(entry.name):
                continue
            path = entry.name if folder == "." else os.path.join(folder, entry.name)  # noqa: PTH118 - as given
            if _is_dir(entry):
                if not self._ignores.ignored(path, folder=True):
                    inner = folder if entry.name == "templates" and "Chart.yaml" in names else chart
                    yield from self._enter(path, inner)
            elif entry.name.endswith(SUFFIXES) and _is_file(entry) and not self._left_out(path):
                yield SourceFile(path, Path(path).read_bytes, chart)

    def _rendered(self, folder: str, names: set[str]) -> Iterator[SourceFile] | None:
        """Return what a chart or kustomization renders to, in place of its files; None: the files are read as they are."""
        rendering = self._reading.rendering
        if rendering.helm and "Chart.yaml" in names:
            from netcheck.load.render import chart  # noqa: PLC0415 - starts a process

            return map(_of_text, chart(folder, rendering, self._reading.namespace))
        if rendering.kustomize and names & KUSTOMIZATIONS:
            from netcheck.load.render import kustomization, parts_of_others  # noqa: PLC0415 - starts a process

            if self._parts is None:
                self._parts = parts_of_others(self._source)
            if os.path.realpath(folder) in self._parts:
                return iter(())
            return map(_of_text, [kustomization(folder)])
        return None

    def _left_out(self, path: str) -> bool:
        return os.path.normpath(path) in self._patches or self._ignores.ignored(path, folder=False)

    def _leave_out_patches(self, folder: str, names: set[str]) -> None:
        """Take note of the files that a kustomization of this folder names as patches."""
        from netcheck.load import kustomize  # noqa: PLC0415 - needs the YAML parser

        for name in kustomize.FILES:
            if name in names:
                try:
                    data = Path(folder, name).read_bytes()
                except OSError:
                    continue
                found = (os.path.join(folder, path) for path in kustomize.patch_files(data))  # noqa: PTH118
                self._patches.update(os.path.normpath(path) for path in found)


def _of_text(rendered: Rendered) -> SourceFile:
    return SourceFile(rendered.name, rendered.text.encode)


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


class _Ignores:
    """The .gitignore files that govern a directory: those above it up to the repository, and those inside."""

    def __init__(self, source: str) -> None:
        self._specs: list[tuple[str, Any]] = []
        top = Path(source).resolve()
        above: list[Path] = []
        for folder in (top, *top.parents):
            if folder != top:
                above.append(folder)
            if (folder / ".git").exists():
                for parent in reversed(above):
                    if (parent / ".gitignore").is_file():
                        self.add(str(parent))
                break

    def add(self, folder: str) -> None:
        """Take the .gitignore of a folder into account."""
        import pathspec  # noqa: PLC0415 - only where a .gitignore is

        try:
            lines = Path(folder, ".gitignore").read_text(encoding="utf-8", errors="replace").splitlines()
            spec = pathspec.GitIgnoreSpec.from_lines(lines)
        except (OSError, ValueError):
            return
        self._specs.append((os.path.abspath(folder), spec))  # noqa: PTH100 - must not resolve links

    def ignored(self, path: str, *, folder: bool) -> bool:
        """Return whether git ignores a path; the .gitignore deepest down that says something decides."""
        if not self._specs:
            return False
        absolute = os.path.abspath(path)  # noqa: PTH100 - must not resolve links
        for base, spec in reversed(self._specs):
            if absolute.startswith(base + os.sep):
                relative = absolute[len(base) + 1 :].replace(os.sep, "/") + ("/" if folder else "")
                found = spec.check_file(relative).include
                if found is not None:
                    return bool(found)
        return False


def describe_search(sources: Sequence[str]) -> str:
    """Return what was looked for, for the message that nothing was found."""
    return ", ".join(f"`{source}`" for source in sources)


def wanted(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (path, chart) of those slash-separated paths that a walk would read, in sorted order."""
    every = sorted(paths, key=lambda path: path.split("/"))
    charts = {path.rpartition("/")[0] for path in every if path.rpartition("/")[2] == "Chart.yaml"}
    for path in every:
        parts = path.split("/")
        if not path.endswith(SUFFIXES) or any(is_hidden(part) for part in parts):
            continue
        above = ["/".join(parts[:depth]) for depth in range(len(parts) - 1)]
        inside = [folder for depth, folder in enumerate(above) if folder in charts and parts[depth] == "templates"]
        yield path, inside[-1] if inside else ""
