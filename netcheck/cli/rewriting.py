"""`netcheck lint --fix` and `--diff`: which files may be edited, how they are written, and what is said about it."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from netcheck.cli import screen
from netcheck.cli.repository import root_of
from netcheck.errors import UsageError
from netcheck.lint.fixing import Fixed
from netcheck.load.rendering import is_rendered

Relative = Callable[[str], str]


def hindrance(file: str) -> str:
    """Return why a file is not edited, or nothing: it must be a plain file of the repository around us."""
    if file == "<stdin>" or file.startswith("git:") or is_rendered(file):
        return "it was not read from a file that can be written"
    real = Path(os.path.realpath(file))
    if not real.is_file():
        return "it was not read from a file that can be written"
    if not real.is_relative_to(os.path.realpath(root_of(Path.cwd()))):
        return "the file lies outside the repository"
    return "" if os.access(real, os.W_OK) else "the file may not be written"


def write_files(texts: Mapping[str, bytes]) -> None:
    """Write files, each at once and with the mode that it has.

    Raises:
        UsageError: one cannot be written.
    """
    for file, data in sorted(texts.items()):
        try:
            _write(Path(os.path.realpath(file)), data)
        except OSError as error:
            why = (error.strerror or "unknown reason").lower()
            raise UsageError(f"--fix: `{file}` cannot be written: {why}") from None


def _write(target: Path, data: bytes) -> None:
    """Write beside the file and move it there: a reader sees the old bytes or the new ones."""
    number, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
        Path(name).chmod(target.stat().st_mode & 0o7777)
        Path(name).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def patch(texts: Mapping[str, bytes], read: Callable[[str], bytes], relative: Relative) -> Iterator[str]:
    """Yield a patch that `git apply` takes at the repository's root."""
    for file, data in sorted(texts.items(), key=lambda item: relative(item[0])):
        one, other = (_quoted(f"{side}/{relative(file)}") for side in "ab")
        yield f"diff --git {one} {other}\n"
        before, after = (_lines(each) for each in (read(file), data))
        for line in difflib.unified_diff(before, after, one, other):
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(data: bytes) -> list[str]:
    """Return the lines with their ends. Only a line feed ends one for git: a carriage return is part of the line."""
    return [f"{line}\n" for line in data.decode("utf-8").split("\n")[:-1]] + [
        line for line in data.decode("utf-8").split("\n")[-1:] if line
    ]


def _quoted(path: str) -> str:
    """Return a path as git writes it: quoted if it holds what would end it."""
    return json.dumps(path, ensure_ascii=False) if any(char in path for char in '"\\\t\n') else path


def told(outcome: Fixed, relative: Relative, *, word: str) -> Iterable[str]:
    """Yield what was fixed, and what was not and why."""
    files = screen.count(len(outcome.texts), "file")
    yield f"{word} {screen.count(len(outcome.applied), 'finding')} in {files}"
    for applied in outcome.applied:
        yield f"  {_about(applied.finding.rule, applied.finding.object, applied.fix.file, relative)}: {applied.fix.text}"
    for refused in outcome.refused:
        where = _about(refused.finding.rule, refused.finding.object, refused.fix.file, relative)
        yield f"  not fixed: {where}: {refused.fix.title}: {refused.why}"


def _about(rule: str, about: str, file: str, relative: Relative) -> str:
    return f"{rule} {about or relative(file)}"
