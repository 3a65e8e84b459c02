"""`netcheck list`: all allowed connections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import click

from netcheck.cli import exit_codes, screen
from netcheck.cli.inputs import configuration, is_lossy, load_inputs, may_be_unread, split_names
from netcheck.cli.nearest import did_you_mean
from netcheck.cli.options import CONTEXT, Inputs, flag, option, reads_input
from netcheck.cli.outputs import Output, parse_outputs, to_stdout, write
from netcheck.cli.styles import style_of
from netcheck.errors import UsageError
from netcheck.model.cluster import Loaded
from netcheck.model.policy import Direction
from netcheck.queries.connections import Resolution, Scope, connections
from netcheck.queries.results import ConnectionList
from netcheck.report.connection_table import connection_table
from netcheck.report.json_v1 import connection_list

FORMATS = ("table", "json", "csv", "md", "dot")
_DIRECTIONS = {"ingress": Direction.INGRESS, "egress": Direction.EGRESS}


@click.command("list", context_settings=CONTEXT)
@reads_input(*FORMATS)
@option(
    "--resolution",
    type=click.Choice([item.value for item in Resolution]),
    default="workload",
    says="workload",
    text="One endpoint for each workload, or one for each pod.",
)
@option(
    "--focus",
    metavar="NAME",
    multiple=True,
    says="everything",
    text="Only connections of this endpoint: `namespace/name` or an id. Repeatable.",
)
@option(
    "--direction",
    type=click.Choice([*_DIRECTIONS]),
    says="both",
    text="ingress: only into the focus; egress: only out of it, by source.",
)
@flag("--explain", text="What decided each connection, in both directions; best with --focus. Table and JSON only.")
def list_(inputs: Inputs, *, resolution: str, focus: tuple[str, ...], direction: str | None, explain: bool) -> int:
    """List all allowed connections between workloads, and with the outside."""
    outputs = parse_outputs(inputs.output, FORMATS)
    loaded = load_inputs(inputs, configuration(inputs))
    scope = Scope(
        only_namespaces=split_names(inputs.only_namespace),
        exclude_namespaces=split_names(inputs.exclude_namespace),
        focus=focus,
        direction=_DIRECTIONS.get(direction or ""),
    )
    found = connections(loaded.cluster, resolution=Resolution(resolution), scope=scope)
    _check_focus(loaded, focus, found)
    if explain:
        from netcheck.queries.explain import explained_list  # noqa: PLC0415 - only where it is asked for

        narrowed = bool(focus or scope.only_namespaces)
        found = explained_list(loaded.cluster, found, Resolution(resolution), focused=narrowed)
    if to_stdout(outputs) != "json":
        screen.show_problems(loaded.problems, verbose=inputs.verbose, quiet=inputs.quiet)
    write(outputs, {item.format: _pieces(item, inputs, loaded, found, scope, explain=explain) for item in outputs})
    return exit_codes.decide(
        negative=False,
        incomplete=bool(found.unknown) or is_lossy(loaded),
        allow_incomplete=inputs.allow_incomplete,
    )


def _check_focus(loaded: Loaded, focus: Sequence[str], found: ConnectionList) -> None:
    """Refuse a focus that names nothing: an empty list would look like an answer."""
    known = {
        text
        for item in found.endpoints
        for text in (item.id, f"{item.namespace}/{item.name}", item.name)
        if text.strip("/")
    }
    for text in focus:
        if text not in known and not may_be_unread(loaded.cluster, text):
            names = {f"{item.namespace}/{item.name}" for item in found.endpoints if item.namespace}
            raise UsageError(f"--focus: there is no endpoint `{text}`{did_you_mean(text, sorted(names))}")


def _pieces(
    output: Output, inputs: Inputs, loaded: Loaded, found: ConnectionList, scope: Scope, *, explain: bool
) -> Iterable[str]:
    if output.format == "json":
        return connection_list(loaded, found)
    if output.format == "table":
        return _table(output, inputs, loaded, found, scope, explain=explain)
    from netcheck.report.connection_exports import (  # noqa: PLC0415 - formats are loaded when they are wanted
        connection_csv,
        connection_dot,
        connection_markdown,
    )

    if output.format == "csv":
        return connection_csv(found)
    if output.format == "md":
        return connection_markdown(loaded, found, by_source=scope.direction is Direction.EGRESS)
    return connection_dot(found)


def _table(
    output: Output, inputs: Inputs, loaded: Loaded, found: ConnectionList, scope: Scope, *, explain: bool
) -> Iterator[str]:
    whole, style = scope == Scope(), style_of(output, inputs)
    yield from connection_table(loaded, found, style, by_source=scope.direction is Direction.EGRESS, whole=whole)
    if explain:  # without it no row is walked: they may be millions
        from netcheck.report.explained_table import explained_table  # noqa: PLC0415 - only where it is asked for

        yield from explained_table(found, style)
