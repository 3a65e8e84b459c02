"""`--each`: one report of every cluster that was named, and a summary of how each came out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

from netcheck.cli import exit_codes, screen
from netcheck.cli.options import Inputs
from netcheck.errors import InputError, UsageError
from netcheck.load.sources import SNAPSHOT, is_captured

_WORDS = {
    exit_codes.OK: "yes, or clean",
    exit_codes.NEGATIVE: "no, or findings",
    exit_codes.INCOMPLETE: "incomplete or unknown",
    exit_codes.USAGE: "not asked",
    exit_codes.NO_INPUT: "not read",
}


def run_each(run: Callable[[Inputs], int], inputs: Inputs) -> int:
    """Run a command on each cluster or snapshot among the sources, the files among them laid over it.

    One that cannot be read, or be asked this, does not stop the others. The exit code is 2 if one cannot be asked, else 4
    if one is 4 or cannot be read, else 1 if one is 1, else 0; 3 if no cluster can be read.

    Raises:
        UsageError: fewer than two clusters are named, or an output cannot be one for each.
    """
    clusters = list(dict.fromkeys(source for source in inputs.sources if is_captured(source)))
    files = tuple(source for source in inputs.sources if not is_captured(source))
    if len(clusters) < 2:
        raise UsageError(
            f"--each takes several clusters or snapshots, and {len(clusters)} is named\n"
            "  hint: `netcheck lint cluster:a cluster:b --each`"
        )
    names = _names(clusters)
    _check_outputs(inputs)
    results: list[tuple[str, int, str]] = []
    for source in clusters:
        name = names[source]
        if not inputs.quiet or _is_table(inputs):
            _heading(f"== {source}", inputs)
        outputs = tuple(_of(text, name) for text in inputs.output)
        try:
            code = run(replace(inputs, sources=(source, *files), output=outputs, each=False))
            results.append((source, code, _WORDS.get(code, str(code))))
        except (InputError, UsageError) as error:
            screen.note(f"error: {error}")
            results.append((source, error.exit_code, _WORDS[error.exit_code]))
    _summarise(results, inputs)
    return _decided([code for _, code, _ in results])


def _names(clusters: list[str]) -> dict[str, str]:
    """Return what stands for each source in the names of outputs.

    Raises:
        UsageError: two would be called the same.
    """
    names = {source: _name(source) for source in clusters}
    if len(set(names.values())) < len(names):
        raise UsageError("--each: two sources would write to one file\n  hint: name contexts and snapshots differently")
    return names


def _name(source: str) -> str:
    plain = source.rpartition("/")[2].removesuffix(SNAPSHOT) if source.endswith(SNAPSHOT) else source.partition(":")[2]
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in plain) or "current"


def _check_outputs(inputs: Inputs) -> None:
    for text in inputs.output:
        if "=" not in text and text != "table":
            raise UsageError(
                f"--each: several documents of `{text}` on stdout are none\n  hint: -o {text}=FILE writes one file of each"
            )


def _of(text: str, name: str) -> str:
    """Return an output of one cluster: `json=out.json` is `json=out.NAME.json`."""
    form, equals, file = text.partition("=")
    if not equals:
        return text
    folder, slash, last = file.rpartition("/")
    stem, dot, suffix = last.partition(".")
    return f"{form}={folder}{slash}{stem}.{name}{dot}{suffix}"


def _is_table(inputs: Inputs) -> bool:
    return not inputs.output or any(text == "table" for text in inputs.output)


def _heading(text: str, inputs: Inputs) -> None:
    sys.stdout.flush()
    stream = sys.stdout if _is_table(inputs) else sys.stderr
    stream.write(f"{text}\n")


def _summarise(results: list[tuple[str, int, str]], inputs: Inputs) -> None:
    width = max(len(source) for source, _, _ in results)
    lines = [f"  {source:<{width}}  {code}  {words}" for source, code, words in results]
    _heading("\n".join(["== summary", *lines]), inputs)


def _decided(codes: list[int]) -> int:
    if exit_codes.USAGE in codes:
        return exit_codes.USAGE
    if all(code == exit_codes.NO_INPUT for code in codes):
        return exit_codes.NO_INPUT
    if exit_codes.NO_INPUT in codes or exit_codes.INCOMPLETE in codes:
        return exit_codes.INCOMPLETE
    return max(codes)
