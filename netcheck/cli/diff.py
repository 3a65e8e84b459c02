"""`netcheck diff`: what a change opens and closes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click

from netcheck.cli import exit_codes, screen
from netcheck.cli.inputs import configuration, is_lossy, load_inputs
from netcheck.cli.options import CONTEXT, Inputs, option, reads_input
from netcheck.cli.outputs import Output, parse_outputs, to_stdout, write
from netcheck.cli.repository import relative_to_repository
from netcheck.cli.styles import style_of
from netcheck.errors import UsageError
from netcheck.model.cluster import Loaded
from netcheck.queries.diff import diff as compare_connections
from netcheck.queries.diff_results import ConnectionDiff
from netcheck.queries.endpoints import Resolution
from netcheck.report.diff_json import connection_diff, joined_input
from netcheck.report.diff_sarif import diff_sarif
from netcheck.report.diff_text import diff_markdown, diff_table

FORMATS = ("table", "json", "md", "sarif")
FAIL_ON = ("any", "added", "none")


@click.command("diff", context_settings=CONTEXT)
@reads_input(*FORMATS)
@option("--fail-on", type=click.Choice(FAIL_ON), default="any", says="any", text="Which differences exit with 1.")
@option(
    "--resolution",
    type=click.Choice([item.value for item in Resolution]),
    default="workload",
    says="workload",
    text="One endpoint for each workload, or one for each pod.",
)
def diff(inputs: Inputs, *, fail_on: str, resolution: str) -> int:
    """Show which connections HEAD adds, removes and changes against BASE."""
    outputs = parse_outputs(inputs.output, FORMATS)
    base, head = load_both(inputs)
    found = compare_connections(base.cluster, head.cluster, resolution=Resolution(resolution))
    loaded = joined_input(base, head)
    if to_stdout(outputs) != "json":
        screen.show_problems(loaded.problems, verbose=inputs.verbose, quiet=inputs.quiet)
    write(outputs, {item.format: _pieces(item, inputs, loaded, found) for item in outputs})
    negative = {"any": found.differs, "added": found.opened > 0, "none": False}[fail_on]
    return exit_codes.decide(
        negative=negative,
        incomplete=bool(found.unknown) or is_lossy(loaded),
        allow_incomplete=inputs.allow_incomplete,
    )


def load_both(inputs: Inputs) -> tuple[Loaded, Loaded]:
    """Load the two sources that are compared.

    Raises:
        UsageError: there are not two, or both are stdin.
    """
    if len(inputs.sources) != 2:
        raise UsageError(
            f"two sources are compared, BASE and HEAD, and {len(inputs.sources)} were named\n"
            "  hint: `netcheck diff git:origin/main .` compares the working tree with a branch"
        )
    if set(inputs.sources) == {"-"}:
        raise UsageError("only one side can be `-`: stdin is read once")
    config = configuration(inputs)
    base, head = (load_inputs(replace(inputs, sources=(source,)), config) for source in inputs.sources)
    return base, head


def _pieces(output: Output, inputs: Inputs, loaded: Loaded, found: ConnectionDiff) -> Iterable[str]:
    if output.format == "json":
        return connection_diff(loaded, found)
    if output.format == "md":
        return diff_markdown(loaded, found)
    if output.format == "sarif":
        return diff_sarif(loaded, found, relative_to_repository(Path.cwd()))
    return diff_table(loaded, found, style_of(output, inputs))
