"""`netcheck trace`: the way of a request, hop by hop."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from netcheck.cli import exit_codes, screen
from netcheck.cli.inputs import configuration, default_namespace, is_lossy, load_inputs
from netcheck.cli.options import CONTEXT, Inputs, option, reads_input
from netcheck.cli.outputs import parse_outputs, to_stdout, write
from netcheck.cli.styles import style_of
from netcheck.errors import UsageError
from netcheck.model.request import Scheme
from netcheck.queries.trace import trace as follow
from netcheck.queries.trace_requests import parse_header, parse_requests, request_of
from netcheck.queries.trace_results import Delivered, TraceRequest, assumptions
from netcheck.report.trace_json import traces
from netcheck.report.trace_table import trace_text

FORMATS = ("table", "json")
MOST_BYTES = 64 * 1024 * 1024


@click.command("trace", context_settings=CONTEXT)
@reads_input(*FORMATS)
@option(
    "--from",
    "source",
    metavar="END",
    says="internet",
    text="Who sends: a workload or pod `ns/name`, labels such as `ns=shop,app=web`, internet, an address, node:NAME, "
    "gateway:ns/name or ingress:ns/name.",
)
@option(
    "--to",
    "destination",
    metavar="URL",
    says="none",
    text="Where to: a URL, a DNS name, svc:ns/name, an address, each with `:PORT` or not; a workload or pod.",
)
@option("--gateway", metavar="NS/NAME", says="found by its host", text="The Gateway that is asked.")
@option("--port", type=click.IntRange(1, 65535), metavar="PORT", says="80; 443 for https and tls", text="The port.")
@option(
    "--protocol",
    type=click.Choice([item.value for item in Scheme]),
    says="the URL's; else http to names and tcp to the rest",
    text="What is spoken.",
)
@option("--host", metavar="NAME", says="that of --to", text="The Host header or authority.")
@option("--path", metavar="PATH", says="that of the URL, or /", text="The path, with `?QUERY` or not.")
@option("--method", metavar="METHOD", says="GET", text="The HTTP or gRPC method.")
@option("--service", metavar="NAME", says="none", text="The gRPC service.")
@option("--header", "headers", metavar="'K: V'", says="none", multiple=True, text="A header. Repeatable.")
@option("--sni", metavar="NAME", says="the host", text="The server name of the TLS connection.")
@option("--requests", metavar="FILE", says="none", text="Many requests at once: a JSON list; `-` is stdin.")
def trace(inputs: Inputs, *, requests: str | None, **words: object) -> int:
    """Say what becomes of a request: the name, the Service, the door, the route, the backends, and the policies of both
    ends, each with its verdict; what blocks it comes first.

    Exit 0 iff every request is delivered, 1 iff one is not, 4 iff of one it is unknown.
    """
    outputs = parse_outputs(inputs.output, FORMATS)
    asked = _many(requests, words) if requests is not None else (_one(words),)
    loaded = load_inputs(inputs, configuration(inputs))
    found = follow(loaded.cluster, asked, default_namespace=default_namespace(inputs, loaded))
    loaded = replace(loaded, assumptions=(*loaded.assumptions, *assumptions(found)))
    if to_stdout(outputs) != "json":
        screen.show_problems(loaded.problems, verbose=inputs.verbose, quiet=inputs.quiet)
    pieces = {
        item.format: traces(loaded, found)
        if item.format == "json"
        else trace_text(loaded, found, style_of(item, inputs))
        for item in outputs
    }
    write(outputs, pieces)
    return exit_codes.decide(
        negative=any(item.delivered is not Delivered.YES for item in found),
        incomplete=any(item.delivered is Delivered.UNKNOWN for item in found) or is_lossy(loaded),
        allow_incomplete=inputs.allow_incomplete,
    )


def _one(words: dict[str, object]) -> TraceRequest:
    text = {key: value for key, value in words.items() if isinstance(value, str)}
    if not (text.get("destination") or text.get("host") or text.get("gateway")):
        raise UsageError("nothing says where the request goes\n  hint: --to URL, --gateway NS/NAME or --requests FILE")
    headers = words["headers"]
    port = words["port"]
    assert isinstance(headers, tuple)
    return request_of(
        source=text.get("source", "internet"),
        protocol=text.get("protocol", ""),
        to=text.get("destination", ""),
        host=text.get("host", ""),
        port=port if isinstance(port, int) else None,
        path=text.get("path", ""),
        method=text.get("method", ""),
        headers=[parse_header(item) for item in headers],
        sni=text.get("sni", ""),
        service=text.get("service", ""),
        gateway=text.get("gateway", ""),
    )


def _many(file: str, words: dict[str, object]) -> tuple[TraceRequest, ...]:
    given = [key for key, value in words.items() if value]
    if given:
        name = {"source": "from", "destination": "to", "headers": "header"}.get(given[0], given[0])
        raise UsageError(f"--requests and --{name} do not go together\n  hint: say it in the file")
    return parse_requests(_read(file), file)


def _read(file: str) -> str:
    """Return the text of a file.

    Raises:
        UsageError: it cannot be read, is too large or is no text.
    """
    try:
        data = sys.stdin.buffer.read(MOST_BYTES + 1) if file == "-" else _bytes(Path(file))
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or "not a file name").lower()
        raise UsageError(f"`{file}` cannot be read: {why}") from None
    if len(data) > MOST_BYTES:
        raise UsageError(f"`{file}` is larger than {MOST_BYTES // 1024 // 1024} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"`{file}` is not UTF-8 text") from None


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)
