"""`netcheck diff`: what a change opens and closes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from netcheck.cli import exit_codes, screen
from netcheck.cli.inputs import is_lossy, split_names
from netcheck.cli.options import CONTEXT, Inputs, flag, option, reads_input, solver_timeout
from netcheck.cli.outputs import Output, parse_outputs, to_stdout, write
from netcheck.cli.repository import relative_to_repository
from netcheck.cli.sides import load_both
from netcheck.cli.styles import style_of
from netcheck.model.cluster import Loaded
from netcheck.queries.diff import diff as compare_connections
from netcheck.queries.diff_results import ConnectionDiff
from netcheck.queries.endpoints import Resolution
from netcheck.report.diff_json import connection_diff, joined_input
from netcheck.report.diff_text import diff_markdown, diff_table

FORMATS = ("table", "json", "csv", "md", "sarif", "junit", "github", "gitlab")
WITH_PROBLEMS = ("json", "sarif", "github")
"""These formats tell of the problems of the input themselves."""
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
@flag("--overlay", text="HEAD is laid over BASE: what would applying these files change, e.g. in a cluster?")
@flag("--open-world", text="Compare the policies alone, in every cluster that could exist: are they equivalent?")
@solver_timeout("How long one question of --open-world may take; then the answer is unknown.", 60.0)
def diff(
    inputs: Inputs, *, fail_on: str, resolution: str, overlay: bool, open_world: bool, solver_timeout: float
) -> int:
    """Show which connections HEAD adds, removes and changes against BASE, and which objects cause it.

    With --open-world: whether the policies of both allow the same flows in every cluster that could exist, and if not,
    a small pair of pods for each way in which they differ. Exit 0 iff nothing differs that --fail-on names.
    """
    if open_world:
        return _open_world(inputs, fail_on, solver_timeout, overlay=overlay)
    outputs = parse_outputs(inputs.output, FORMATS)
    base, head = load_both(inputs, overlay=overlay)
    found = compare_connections(
        base.cluster,
        head.cluster,
        resolution=Resolution(resolution),
        only=split_names(inputs.only_namespace),
        without=split_names(inputs.exclude_namespace),
    )
    loaded = joined_input(base, head)
    if to_stdout(outputs) not in WITH_PROBLEMS:
        screen.show_problems(loaded.problems, verbose=inputs.verbose, quiet=inputs.quiet)
    write(outputs, {item.format: _pieces(item, inputs, loaded, found, fail_on) for item in outputs})
    negative = {"any": found.differs, "added": found.opened > 0, "none": False}[fail_on]
    return exit_codes.decide(
        negative=negative,
        incomplete=any(row.may_open or fail_on != "added" for row in found.unknown) or is_lossy(loaded),
        allow_incomplete=inputs.allow_incomplete,
    )


def _open_world(inputs: Inputs, fail_on: str, solver_timeout: float, *, overlay: bool) -> int:
    """Compare the policies alone, in every cluster that could exist."""
    from netcheck.cli.compare import FORMATS as COMPARED  # noqa: PLC0415 - loads the solver
    from netcheck.cli.compare import show  # noqa: PLC0415
    from netcheck.queries.compare import OPENED, Outcome, Relation, compare  # noqa: PLC0415

    outputs = parse_outputs(inputs.output, COMPARED)
    base, head = load_both(inputs, overlay=overlay)
    found = compare(
        base.cluster, head.cluster, Relation.EQUAL, timeout_ms=max(1, int(solver_timeout * 1000)), same_unknown=True
    )
    loaded = joined_input(base, head)
    texts = {item.text for item in found.questions if fail_on != "added" or item.text == OPENED}
    show(inputs, outputs, loaded, found, counted=frozenset(texts) if fail_on != "none" else frozenset())
    counted = [item.outcome for item in found.questions if item.text in texts]
    violated = Outcome.VIOLATED in counted and fail_on != "none"
    return exit_codes.decide(
        negative=violated,
        incomplete=(Outcome.UNKNOWN in counted and not violated) or is_lossy(loaded),
        allow_incomplete=inputs.allow_incomplete,
    )


def _pieces(output: Output, inputs: Inputs, loaded: Loaded, found: ConnectionDiff, fail_on: str) -> Iterable[str]:
    if output.format == "json":
        return connection_diff(loaded, found)
    if output.format == "md":
        return diff_markdown(loaded, found)
    if output.format == "table":
        return diff_table(loaded, found, style_of(output, inputs))
    from netcheck.report import diff_machine as machine  # noqa: PLC0415 - loaded when it is wanted

    relative = relative_to_repository(Path.cwd())
    if output.format == "csv":
        return machine.diff_csv(found)
    if output.format == "sarif":
        return machine.diff_sarif(loaded, found, relative)
    if output.format == "junit":
        return machine.diff_junit(found, fail_on, relative)
    if output.format == "github":
        return machine.diff_github(loaded, found, relative)
    return machine.diff_gitlab(found, relative)
