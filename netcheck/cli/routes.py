"""`netcheck routes`: which request goes where, and the status that Gateways and routes should have."""

from __future__ import annotations

from collections.abc import Iterable

import click

from netcheck.cli import exit_codes, screen
from netcheck.cli.inputs import configuration, default_namespace, is_lossy, load_inputs, split_names
from netcheck.cli.nearest import did_you_mean
from netcheck.cli.options import CONTEXT, Inputs, option, reads_input
from netcheck.cli.outputs import Output, parse_outputs, to_stdout, write
from netcheck.cli.styles import style_of
from netcheck.errors import UsageError
from netcheck.model.cluster import Cluster, Loaded
from netcheck.queries.route_results import Routes
from netcheck.queries.routes import Ask
from netcheck.queries.routes import routes as find_routes
from netcheck.report.routes_json import routes_document
from netcheck.report.routes_table import routes_markdown, routes_table

FORMATS = ("table", "json", "md")


@click.command("routes", context_settings=CONTEXT)
@reads_input(*FORMATS)
@option(
    "--to",
    metavar="SERVICE",
    says="everything",
    text="Only the requests that come to this Service: svc:ns/name. Each with one that does.",
)
@option(
    "--reached",
    type=click.Choice([item.value for item in Ask]),
    default="auto",
    says="auto",
    text="Ask of each match whether any request ever comes to it; auto: if there are at most 200.",
)
def routes(inputs: Inputs, *, to: str | None, reached: str) -> int:
    """Show which host and path leads to which backend, and the status of every Gateway, listener and route.

    The status is the one that the Gateway API prescribes, worked out from the manifests: what is not as it should be
    comes first, with its reason. Exit 4 iff something is unknown or part of the input was lost, else 0.
    """
    outputs = parse_outputs(inputs.output, FORMATS)
    loaded = load_inputs(inputs, configuration(inputs))
    only, without = split_names(inputs.only_namespace), split_names(inputs.exclude_namespace)
    found = find_routes(
        loaded.cluster,
        in_scope=lambda name: name not in without and (not only or name in only),
        ask=Ask(reached),
        target=_target(loaded.cluster, to, default_namespace(inputs, loaded)) if to is not None else None,
    )
    if to_stdout(outputs) != "json":
        screen.show_problems(loaded.problems, verbose=inputs.verbose, quiet=inputs.quiet)
    write(outputs, {item.format: _pieces(item, inputs, loaded, found) for item in outputs})
    unknown = found.unknown if to is None else not all(item.certain for item in found.ways)
    return exit_codes.decide(
        negative=False, incomplete=unknown or is_lossy(loaded), allow_incomplete=inputs.allow_incomplete
    )


def _target(cluster: Cluster, text: str, home: str) -> tuple[str, str]:
    """Return the namespace and name of the Service that is asked for."""
    namespace, slash, name = text.removeprefix("svc:").rpartition("/")
    asked = (namespace if slash else home, name)
    known = {(item.namespace, item.name) for item in cluster.services}
    if asked not in known:
        names = sorted(f"svc:{'/'.join(item)}" for item in known)
        raise UsageError(f"--to: there is no Service `{'/'.join(asked)}`{did_you_mean(text, names)}")
    return asked


def _pieces(output: Output, inputs: Inputs, loaded: Loaded, found: Routes) -> Iterable[str]:
    if output.format == "json":
        return routes_document(loaded, found)
    if output.format == "md":
        return routes_markdown(loaded, found)
    return routes_table(loaded, found, style_of(output, inputs))
