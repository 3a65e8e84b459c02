"""`netcheck routes`: which request goes where, and the status that Gateways and routes should have."""

from __future__ import annotations

from collections.abc import Iterable

import click

from netcheck.cli import exit_codes, screen
from netcheck.cli.inputs import configuration, is_lossy, load_inputs, split_names
from netcheck.cli.options import CONTEXT, Inputs, reads_input
from netcheck.cli.outputs import Output, parse_outputs, to_stdout, write
from netcheck.cli.styles import style_of
from netcheck.model.cluster import Loaded
from netcheck.queries.route_results import Routes
from netcheck.queries.routes import routes as find_routes
from netcheck.report.routes_json import routes_document
from netcheck.report.routes_table import routes_markdown, routes_table

FORMATS = ("table", "json", "md")


@click.command("routes", context_settings=CONTEXT)
@reads_input(*FORMATS)
def routes(inputs: Inputs) -> int:
    """Show which host and path leads to which backend, and the status of every Gateway, listener and route.

    The status is the one that the Gateway API prescribes, worked out from the manifests: what is not as it should be
    comes first, with its reason. Exit 4 iff something is unknown or part of the input was lost, else 0.
    """
    outputs = parse_outputs(inputs.output, FORMATS)
    loaded = load_inputs(inputs, configuration(inputs))
    only, without = split_names(inputs.only_namespace), split_names(inputs.exclude_namespace)
    found = find_routes(loaded.cluster, in_scope=lambda name: name not in without and (not only or name in only))
    if to_stdout(outputs) != "json":
        screen.show_problems(loaded.problems, verbose=inputs.verbose, quiet=inputs.quiet)
    write(outputs, {item.format: _pieces(item, inputs, loaded, found) for item in outputs})
    return exit_codes.decide(
        negative=False, incomplete=found.unknown or is_lossy(loaded), allow_incomplete=inputs.allow_incomplete
    )


def _pieces(output: Output, inputs: Inputs, loaded: Loaded, found: Routes) -> Iterable[str]:
    if output.format == "json":
        return routes_document(loaded, found)
    if output.format == "md":
        return routes_markdown(loaded, found)
    return routes_table(loaded, found, style_of(output, inputs))
