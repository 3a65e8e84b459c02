"""A connection list as CSV, Markdown and a graph in the DOT language."""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.model.cluster import Loaded
from netcheck.model.flow import Verdict
from netcheck.queries.results import ConnectionList, Endpoint, EndpointType, Row
from netcheck.report.connection_table import OWN_NODE
from netcheck.report.csv_line import csv_line
from netcheck.report.folding import bit_set, fold, ways_in
from netcheck.report.layout import Style, count, footer, ports_text
from netcheck.report.naming import Names
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PROTOCOLS, PortSet

CSV_COLUMNS = ("source", "destination", "verdict", "tcp", "udp", "sctp", "depends_on", "reasons", "via")


def connection_csv(found: ConnectionList) -> Iterator[str]:
    """Yield a line for each pair and way in, allowed ones first; ports as `80,443`, `8000-8100` or `all`."""
    yield csv_line(CSV_COLUMNS)
    for verdict, rows in ((Verdict.ALLOWED, found.rows()), (Verdict.UNKNOWN, iter(found.unknown))):
        for row in rows:
            ports = [_ports(row.connections.of_protocol(protocol)) for protocol in PROTOCOLS]
            ends = (found.endpoints[row.source].id, found.endpoints[row.destination].id)
            reasons = "; ".join(f"{reason.rule}: {reason.message}" for reason in row.reasons)
            yield csv_line((*ends, verdict.value, *ports, " ".join(row.depends_on), reasons, row.via))


def _ports(ports: PortSet) -> str:
    return "all" if ports == PortSet.all() else str(ports)


def connection_markdown(loaded: Loaded, found: ConnectionList, *, by_source: bool = False) -> Iterator[str]:
    """Yield a Markdown table for a pull request: ends with the same connections share a line."""
    names = Names(found.endpoints)
    folded = fold(found, by_source=by_source)
    near, far = ("from", "to") if by_source else ("to", "from")
    yield f"| {near} | ports | {far} |\n|---|---|---|\n"
    for section in folded.sections:
        ends = ", ".join(names.together(bit_set(section.ends)))
        alone = bit_set(section.ends) if len(section.ends) == 1 else 0
        for entry in section.entries:
            others = ", ".join(names.together(entry.mask, besides=alone))
            mark = f" (depends on {', '.join(entry.depends_on)})" if entry.depends_on else ""
            yield _markdown_line(ends, ports_text(entry.connections) + mark, others)
            ends = ""
    if found.entries:
        yield "\nWays in:\n\n| from | via | ports | to |\n|---|---|---|---|\n"
        for way in ways_in(found.entries):
            sources, ends = (", ".join(names.together(mask)) for mask in (way.sources, way.destinations))
            yield _markdown_line(sources, way.via, ports_text(way.connections), ends)
    if folded.own_node is not None:
        yield f"\n{OWN_NODE[by_source]}\n"
    if found.unknown:
        yield f"\n{count(len(found.unknown), 'pair')} unknown:\n\n| from | to | ports | because |\n|---|---|---|---|\n"
        for row in found.unknown:
            why = "; ".join(f"{reason.rule}: {reason.message}" for reason in row.reasons)
            ports = ports_text(row.connections) + (f" via {row.via}" if row.via else "")
            yield _markdown_line(names.one(row.source), names.one(row.destination), ports, why)
    notes = footer(loaded, Style(width=10_000))
    if notes:
        yield "\n" + "".join(f"- {line}\n" for line in notes)


def _markdown_line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def connection_dot(found: ConnectionList) -> Iterator[str]:
    """Yield a graph: namespaces are clusters, unknown connections are dashed."""
    yield 'digraph netcheck {\n  rankdir=LR;\n  node [shape=box, fontname="sans-serif"];\n  edge [fontname="sans-serif"];\n'
    names = Names(found.endpoints)
    namespaces = sorted({item.namespace for item in found.endpoints if item.type is EndpointType.WORKLOAD})
    for number, namespace in enumerate(namespaces):
        yield f"  subgraph cluster_{number} {{\n    label={_quoted(namespace)};\n"
        for position, endpoint in enumerate(found.endpoints):
            if endpoint.type is EndpointType.WORKLOAD and endpoint.namespace == namespace:
                yield f"    n{position} [label={_quoted(_within_namespace(endpoint))}];\n"
        yield "  }\n"
    for position, endpoint in enumerate(found.endpoints):
        if endpoint.type is not EndpointType.WORKLOAD:
            yield f"  n{position} [label={_quoted(names.one(position))}, shape=ellipse];\n"
    yield from (_edge(row, "") for row in found.rows())
    yield from (_edge(row, ", style=dashed") for row in found.unknown)
    yield "}\n"


def _within_namespace(endpoint: Endpoint) -> str:
    return endpoint.id.removeprefix(f"{endpoint.namespace}/")


def _edge(row: Row, style: str) -> str:
    label = "" if row.connections == ConnectionSet.all() else ports_text(row.connections)
    label = f"{label} via {row.via}".strip() if row.via else label
    return f"  n{row.source} -> n{row.destination} [label={_quoted(label)}{style}];\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
