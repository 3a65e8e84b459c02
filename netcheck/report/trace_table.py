"""Traces as text: what became of the request, the hop that decides it, then every hop in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netcheck.model.cluster import Loaded
from netcheck.model.flow import Verdict
from netcheck.model.request import Scheme
from netcheck.queries.trace_results import BackendShare, Delivered, Hop, Trace
from netcheck.queries.trace_target import meant_by, scheme_of
from netcheck.report.layout import Style, footer, prose
from netcheck.report.paint import Role

_ROLES = {Delivered.YES: Role.GOOD, Delivered.NO: Role.BAD, Delivered.UNKNOWN: Role.DOUBT}
_WORDS = {Delivered.YES: "delivered", Delivered.NO: "not delivered", Delivered.UNKNOWN: "unknown"}
_HOPS = {Verdict.ALLOWED: Role.GOOD, Verdict.DENIED: Role.BAD, Verdict.UNKNOWN: Role.DOUBT}


def trace_text(loaded: Loaded, found: Sequence[Trace], style: Style) -> Iterator[str]:
    """Yield the text of each trace, then what all of them rest on."""
    if not found:
        yield "no requests\n"
    for position, item in enumerate(found):
        yield ("\n" if position else "") + _lines(_trace(item, style))
    notes = footer(loaded, style)
    if notes:
        yield "\n" + _lines(notes)


def _lines(lines: Iterator[str] | list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _trace(item: Trace, style: Style) -> Iterator[str]:
    word = style.paint(_WORDS[item.delivered], _ROLES[item.delivered])
    status = f"  status {item.status}" if item.status is not None and _has_status(item) else ""
    yield f"{word}  {item.request.source} -> {_asked(item)}{status}"
    deciding = item.deciding
    if deciding is not None:
        lead = "stopped at" if item.delivered is Delivered.NO else "open at"
        yield from prose(f"  {lead}: {deciding.what}: {deciding.reason}", indent=4, width=style.width)
        if deciding.place is not None:
            yield f"    {deciding.place}"
    yield from _backends("backend", item.backends, style)
    yield ""
    width = len(str(len(item.hops)))
    for number, hop in enumerate(item.hops, start=1):
        yield from _hop(number, width, hop, style)


def _has_status(item: Trace) -> bool:
    """Return whether HTTP is spoken, of which people know the status."""
    return scheme_of(item.request, meant_by(item.request)) in (Scheme.HTTP, Scheme.HTTPS, Scheme.GRPC)


def _asked(item: Trace) -> str:
    asked = item.request
    scheme = f"{asked.protocol.value}://" if asked.protocol is not None else ""
    port = f":{asked.port}" if asked.port is not None else ""
    to = asked.to or asked.host
    gateway = f" at gateway {'/'.join(asked.gateway)}" if asked.gateway is not None else ""
    method = f"{asked.method} " if asked.method else ""
    return f"{method}{scheme}{to}{port}{asked.path}{gateway}"


def _backends(word: str, shares: Sequence[BackendShare], style: Style) -> Iterator[str]:
    total = sum(share.weight for share in shares)
    for share in shares:
        port = f" port {share.port}" if share.port is not None else ""
        part = f", weight {share.weight} of {total}" if len(shares) > 1 else ""
        reached = style.paint(_WORDS[share.reached], _ROLES[share.reached])
        some = " (some of its endpoints)" if share.targets == "some" else ""
        yield f"  {word}: {share.namespace}/{share.name}{port}{part}: {reached}{some}"


def _hop(number: int, width: int, hop: Hop, style: Style) -> Iterator[str]:
    word = style.paint(f"{hop.verdict.value:7}", _HOPS[hop.verdict])
    indent = width + 13
    rule = f" ({hop.rule})" if hop.rule else ""
    yield f"  {number:>{width}}  {word}  {hop.what}"
    yield from prose(f"{' ' * indent}{hop.reason}{rule}", indent=indent, width=style.width)
    if hop.translation:
        yield from prose(f"{' ' * indent}=> {hop.translation}", indent=indent + 3, width=style.width)
    if hop.place is not None:
        yield f"{' ' * indent}{hop.place}"
