"""Routes as text for a terminal and as Markdown: what is wrong first, then which request goes where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from netcheck.engines.requests import Ever
from netcheck.engines.requests import Way as RequestWay
from netcheck.model.cluster import Loaded
from netcheck.model.gateway import Redirect
from netcheck.model.request import Chosen, Request, Scheme
from netcheck.queries.route_faults import rule_text
from netcheck.queries.route_results import (
    BackendLine,
    Fault,
    GatewayLine,
    IngressLine,
    ListenerLine,
    OpenShiftLine,
    RouteLine,
    Routes,
    RuleLine,
    SetLine,
)
from netcheck.report.layout import Style, count, footer, prose, wrapped
from netcheck.report.paint import Role

_WIDEST = 44
"""A column is not made wider than this for one long cell."""


@dataclass(frozen=True, slots=True)
class Way:
    """One line: a host, what of its requests, where they go, and the object that says so."""

    host: str
    what: str
    to: str
    by: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Door:
    """A heading and the ways under it; `note` stands where there are none."""

    heading: str
    ways: tuple[Way, ...]
    note: str = ""


def routes_table(loaded: Loaded, found: Routes, style: Style) -> Iterator[str]:
    """Yield the text: faults with place and hint, then every listener, Service and Ingress with its ways."""
    if found.target:
        yield _block(_requests(found, style))
        yield _block(footer(loaded, style), last=True)
        return
    yield _block(_faults(found.faults, style))
    for door in doors(found):
        yield _block(_door(door, style))
    counts = [
        count(len(found.gateways), "Gateway"),
        count(len(found.routes), "route"),
        count(len(found.ingresses), "Ingress").replace("Ingresss", "Ingresses"),
        *([count(len(found.openshift), "OpenShift Route")] if found.openshift else []),
    ]
    last = [] if style.quiet else [", ".join(counts)]
    if found.not_asked:
        last.append(f"not asked: whether each of {found.not_asked:,} matches is ever reached (--reached always)")
    yield _block([*last, *footer(loaded, style)], last=True)


def _block(lines: Iterable[str], *, last: bool = False) -> str:
    text = "".join(f"{line.rstrip()}\n" for line in lines)
    return text + "\n" if text and not last else text


# ---- requests to one Service ---------------------------------------------------------------------------------------


def _requests(found: Routes, style: Style) -> Iterator[str]:
    """Yield the requests that come to a Service, each with one that the oracle has confirmed."""
    if not found.ways:
        yield f"no request comes to Service {found.target} through a Gateway, an Ingress or a route"
        return
    yield style.paint(f"requests that come to Service {found.target}:", Role.NAME)
    for way in found.ways:
        doubt = "" if way.certain else style.paint(" [unknown whether any does]", Role.DOUBT)
        copy = " [copies]" if way.mirrored else ""
        yield from prose(f"  {way.frontend.label}: {way_text(way)}{copy}{doubt}", indent=6, width=style.width)
        yield from prose(f"      by {rules_text(way.rules)}", indent=9, width=style.width)
        if way.witness is not None:
            yield f"      such as {request_text(way.witness)}"


def way_text(way: RequestWay) -> str:
    """Return hosts, paths and the rest of what requests have in common."""
    hosts = "any host" if way.hosts == ("*",) else ", ".join(way.hosts)
    parts = [", ".join(way.methods), hosts, ", ".join(way.paths)]
    parts += [f"[{', '.join(items)}]" for items in (way.headers, way.query) if items]
    return " ".join(part for part in parts if part)


def rules_text(rules: Iterable[Chosen]) -> str:
    """Return the rules that take requests, each once: `rule 0 of HTTPRoute shop/web`."""
    return ", ".join(dict.fromkeys(map(rule_text, rules)))


def request_text(request: Request) -> str:
    """Return a request as one line: `GET http://host:80/path`."""
    query = "&".join(f"{name}={value}" for name, value in request.query)
    url = f"{request.scheme.value}://{request.host or '(no host)'}:{request.port}"
    if request.scheme is Scheme.GRPC:
        url = f"{url}{request.path}"
    elif request.scheme in (Scheme.HTTP, Scheme.HTTPS):
        url = f"{request.method} {url}{request.path}{f'?{query}' if query else ''}"
    return " ".join([url, *(f"'{name}: {value}'" for name, value in request.headers)])


# ---- what is wrong -------------------------------------------------------------------------------------------------


def _faults(found: Sequence[Fault], style: Style) -> Iterator[str]:
    for unknown, title, role in ((False, "not as it should be", Role.BAD), (True, "unknown", Role.DOUBT)):
        mine = [item for item in found if item.unknown is unknown]
        if mine:
            yield style.paint(f"{title}: {len(mine)}", role)
        for item in mine:
            yield from _fault(item, style)


def _fault(item: Fault, style: Style) -> Iterator[str]:
    where = f"{item.place}  " if item.place is not None else ""
    at = f", {item.at}" if item.at else ""
    yield from prose(f"  {where}{item.object}{at}: {item.what}", indent=6, width=style.width)
    if item.message:
        yield from prose(f"      {item.message}", indent=6, width=style.width)
    if item.hint:
        yield from prose(f"      hint: {item.hint}", indent=12, width=style.width)


# ---- ways ----------------------------------------------------------------------------------------------------------


def _door(door: Door, style: Style) -> Iterator[str]:
    for line in prose(door.heading, indent=2, width=style.width):
        yield style.paint(line, Role.NAME)
    if door.note:
        yield f"  {door.note}"
    hosts = _width(way.host for way in door.ways)
    whats = _width(way.what for way in door.ways)
    last = ""
    for way in door.ways:
        host = "" if way.host == last else way.host
        last = way.host
        yield from _way(f"  {host:{hosts}}  {way.what:{whats}}  -> ", way, style)


def _way(lead: str, way: Way, style: Style) -> Iterator[str]:
    """Yield where requests go and what says so, below each other where one line is too narrow."""
    indent = len(lead)
    lines = wrapped(way.to.split(", "), first=" " * indent, indent=indent, width=style.width)
    lines = [line.removeprefix(" " * indent) for line in lines]
    by = f"({way.by})"
    painted = [style.paint(line, Role.BAD) if way.bad else line for line in lines]
    if indent + len(lines[-1]) + 2 + len(by) <= style.width:
        painted[-1] += f"  {style.paint(by, Role.ASIDE)}"
    else:
        painted.append(style.paint(by, Role.ASIDE))
    for number, line in enumerate(painted):
        yield f"{' ' * indent if number else lead}{line}"


def _width(cells: Iterable[str]) -> int:
    return min(max(map(len, cells), default=0), _WIDEST)


def doors(found: Routes) -> Iterator[Door]:
    """Yield what requests come to: listeners of Gateways and ListenerSets, Services of a mesh, Ingresses, routers."""
    lines = {(item.route.kind, item.route.namespace, item.route.name): item for item in found.routes}
    for gateway in found.gateways:
        yield from _gateway(gateway, lines)
    for item in found.sets:
        yield from _set(item, lines)
    yield from _mesh(found)
    for ingress in found.ingresses:
        yield _ingress(ingress)
    if found.openshift:
        ways = tuple(way for item in found.openshift for way in _openshift(item))
        yield Door("OpenShift router", ways)


_Lines = dict[tuple[str, str, str], RouteLine]


def _gateway(line: GatewayLine, lines: _Lines) -> Iterator[Door]:
    gateway = line.gateway
    addresses = f" at {', '.join(gateway.assigned)}" if gateway.assigned else ""
    for item in line.listeners:
        heading = f"{gateway.label} (class {gateway.class_name}){addresses}, {_listener_text(item)}"
        yield _listener(heading, item, lines)


def _set(line: SetLine, lines: _Lines) -> Iterator[Door]:
    parent = line.listener_set.parent
    for item in line.listeners:
        heading = f"{line.listener_set.label} of {parent.kind} {parent.namespace}/{parent.name}, {_listener_text(item)}"
        yield _listener(heading, item, lines)


def _listener_text(item: ListenerLine) -> str:
    listener = item.listener
    mode = f" {listener.tls_mode.lower()}" if listener.protocol == "TLS" else ""
    host = f" {listener.hostname}" if listener.hostname else ""
    return f"listener {listener.name}: {listener.protocol}{mode} {listener.port or '(any port)'}{host}"


def _listener(heading: str, item: ListenerLine, lines: _Lines) -> Door:
    ways = []
    for binding in item.bindings:
        route = binding.route
        line = lines.get((route.kind, route.namespace, route.name))
        hosts = [name or "any host" for name in binding.hostnames]
        if line is not None and item.accepted:
            ways += [way for host in hosts for rule in line.rules for way in _rule(host, line, rule)]
        elif line is None:
            ways += [Way(host, "", "out of scope", route.label) for host in hosts]
    note = "takes no traffic" if not item.accepted else "no route is attached" if not item.bindings else ""
    ways.sort(key=lambda way: (way.host == "any host", way.host.startswith("*"), way.host))
    return Door(heading, tuple(ways), note)


def _rule(host: str, line: RouteLine, rule: RuleLine) -> Iterator[Way]:
    to, bad = _destination(rule)
    for text, found in zip(rule.matches or ("everything",), rule.reach, strict=True):
        never = found is not None and found.verdict is Ever.NO
        yield Way(host, text, f"{to} [never reached]" if never else to, line.route.label, bad or never)


def _destination(rule: RuleLine) -> tuple[str, bool]:
    """Return where a rule's requests go, and whether some of them fail."""
    mirrors = [item for item in rule.backends if item.mirror]
    backends = [item for item in rule.backends if not item.mirror]
    copies = f", copies to {backends_text(mirrors)}" if mirrors else ""
    if rule.redirect is not None:
        return f"{_redirect_text(rule.redirect)}{copies}", False
    if rule.failure:
        return f"{rule.failure}, no backend{copies}", True
    bad = any(item.share.problem or item.reasons for item in rule.backends)
    return backends_text(backends) + copies, bad


def _redirect_text(redirect: Redirect) -> str:
    scheme = f"{redirect.scheme}://" if redirect.scheme else ""
    host = redirect.hostname or ("same host" if scheme or redirect.port else "")
    port = f":{redirect.port}" if redirect.port else ""
    path = f" {redirect.path.value}" if redirect.path is not None else ""
    return f"{redirect.status} redirect to {scheme}{host}{port}{path}".rstrip()


def backends_text(backends: Sequence[BackendLine]) -> str:
    """Return the backends with their shares in percent, if there are several, and their problems."""
    total = sum(item.share.weight for item in backends)
    return ", ".join(_backend_text(item, total, alone=len(backends) == 1) for item in backends) or "nothing"


def _backend_text(item: BackendLine, total: int, *, alone: bool) -> str:
    share = item.share
    kind = f"{share.kind} " if share.kind != "Service" else ""
    port = f":{share.port}" if share.port is not None else ""
    part = "" if alone and share.weight else f" {_percent(share.weight, total)}"
    fate = f" [{share.problem}]" if share.problem else " [unknown]" if item.reasons else ""
    return f"{kind}{share.namespace}/{share.name}{port}{part}{fate}"


def _percent(weight: int, total: int) -> str:
    return f"{100 * weight / total:.3g}%" if total else "0%"


def _mesh(found: Routes) -> Iterator[Door]:
    """Yield the Services whose clients in a mesh are led by routes (GW-32)."""
    ways: dict[str, list[Way]] = {}
    for line in found.routes:
        for parent in line.parents:
            for item in parent.mesh:
                who = "" if item.is_producer else f", for clients of {item.route.namespace}"
                port = f":{item.port}" if item.port is not None else ""
                heading = f"Service {item.service.namespace}/{item.service.name}{port} in the mesh{who}"
                ways.setdefault(heading, []).extend(way for rule in line.rules for way in _rule("", line, rule))
    for heading in sorted(ways):
        yield Door(heading, tuple(ways[heading]))


def _ingress(line: IngressLine) -> Door:
    ingress = line.ingress
    controller = f", {line.controller}" if line.controller else ""
    heading = f"{ingress.label} (class {line.class_name or 'unknown'}{controller})"
    ways = []
    for path in line.paths:
        what = f"{path.type} {path.path}".strip() if path.type else "everything else"
        bad = bool(path.backend.share.problem or path.backend.reasons)
        to, never = backends_text([path.backend]), path.reach is not None and path.reach.verdict is Ever.NO
        to = f"{to} [never reached]" if never else to
        ways.append(Way(path.host or "any host", what, to, ingress.label, bad or never))
    return Door(heading, tuple(ways), "" if ways else "no path leads anywhere")


def _openshift(line: OpenShiftLine) -> Iterator[Way]:
    route = line.route
    bad = any(item.share.problem or item.reasons for item in line.backends)
    tls = f" tls {route.termination}" if route.termination else ""
    host = route.host or "made up by the router"
    yield Way(host, f"{route.path or '/'}*{tls}", backends_text(line.backends), route.label, bad)


# ---- Markdown ------------------------------------------------------------------------------------------------------


def routes_markdown(loaded: Loaded, found: Routes) -> Iterator[str]:
    """Yield Markdown for a pull request: a table of faults, then one of ways; or of the requests to one Service."""
    if found.target:
        yield from _requests_markdown(found)
        return
    if found.faults:
        yield "| where | object | status | message |\n|---|---|---|---|\n"
        for item in found.faults:
            at = f", {item.at}" if item.at else ""
            hint = f" (hint: {item.hint})" if item.hint else ""
            yield _row(str(item.place or ""), item.object + at, item.what, item.message + hint)
        yield "\n"
    yield "| door | host | requests | go to | by |\n|---|---|---|---|---|\n"
    for door in doors(found):
        if door.note:
            yield _row(door.heading, "", "", door.note, "")
        for way in door.ways:
            yield _row(door.heading, way.host, way.what, way.to, way.by)
    notes = footer(loaded, Style(width=10_000))
    if notes:
        yield "\n" + "".join(f"- {line}\n" for line in notes)


def _requests_markdown(found: Routes) -> Iterator[str]:
    yield "| door | requests | by | such as |\n|---|---|---|---|\n"
    for item in found.ways:
        example = request_text(item.witness) if item.witness is not None else "unknown whether any comes"
        yield _row(item.frontend.label, way_text(item), rules_text(item.rules), example)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
