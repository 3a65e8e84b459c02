"""`netcheck schema`: the JSON Schemas of the outputs, which are shipped with the package."""

from __future__ import annotations

import sys
from pathlib import Path

import click

import netcheck
from netcheck.cli import exit_codes
from netcheck.cli.nearest import did_you_mean
from netcheck.cli.options import CONTEXT, flag
from netcheck.errors import UsageError

FOLDER = Path(netcheck.__file__).parent / "report" / "schemas"


@click.command("schema", context_settings=CONTEXT)
@click.argument("kind", metavar="[KIND]", required=False)
@flag("--debug", text="A traceback with every error.")
def schema(kind: str | None, debug: bool) -> int:
    """Print the JSON Schema (draft 2020-12) of an output by its `kind`, or of the `Config`; without KIND, all that there are."""
    del debug
    known = sorted(path.stem for path in FOLDER.glob("*.json"))
    if kind is None:
        sys.stdout.write("".join(f"{name}\n" for name in known))
        return exit_codes.OK
    if kind not in known:
        raise UsageError(f"there is no schema of `{kind}`{did_you_mean(kind, known)}")
    sys.stdout.write((FOLDER / f"{kind}.json").read_text(encoding="utf-8"))
    return exit_codes.OK
