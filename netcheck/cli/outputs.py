"""`-o FORMAT[=FILE]`: which outputs are wanted, and where they go."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from netcheck.cli.nearest import did_you_mean
from netcheck.errors import UsageError

STDOUT = "-"


@dataclass(frozen=True, slots=True)
class Output:
    """One wanted output; `file` is `-` for stdout."""

    format: str
    file: str = STDOUT


def parse_outputs(texts: Sequence[str], known: Sequence[str]) -> tuple[Output, ...]:
    """Return the wanted outputs; none given: a table to stdout.

    Raises:
        UsageError: a format is not known, a file's folder does not exist, or two outputs have one target.
    """
    found = [_parse(text, known) for text in texts] or [Output("table")]
    targets = [item.file for item in found]
    for target in targets:
        if targets.count(target) > 1:
            where = "stdout" if target == STDOUT else f"`{target}`"
            raise UsageError(f"two outputs go to {where}\n  hint: give all but one a file: -o FORMAT=FILE")
    return tuple(found)


def _parse(text: str, known: Sequence[str]) -> Output:
    name, equals, file = text.partition("=")
    if name not in known:
        raise UsageError(f"this command has no output format `{name}`{did_you_mean(name, known)}")
    if equals and not file:
        raise UsageError(f"`-o {text}` names no file")
    folder = Path(file).parent
    if file and file != STDOUT and not folder.is_dir():
        raise UsageError(f"`-o {text}`: there is no folder `{folder}`")
    return Output(name, file or STDOUT)


def to_stdout(outputs: Iterable[Output]) -> str:
    """Return the format that goes to stdout, or nothing if none does."""
    return next((item.format for item in outputs if item.file == STDOUT), "")


def write(outputs: Sequence[Output], pieces: Mapping[str, Iterable[str]]) -> None:
    """Write each output from the pieces of its format; files first, so that a closed pipe costs none of them.

    Raises:
        UsageError: a file cannot be written.
    """
    for item in sorted(outputs, key=lambda item: item.file == STDOUT):
        if item.file == STDOUT:
            sys.stdout.writelines(pieces[item.format])
            continue
        try:
            with Path(item.file).open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
                file.writelines(pieces[item.format])
        except OSError as error:
            why = (error.strerror or "unknown reason").lower()
            raise UsageError(f"`{item.file}` cannot be written: {why}") from None
