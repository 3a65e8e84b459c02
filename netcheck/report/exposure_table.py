"""Exposure as text for a terminal: for each workload its doors, one line each, the most exposed workload first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from netcheck.model.cluster import Loaded
from netcheck.model.flow import Decider, Verdict
from netcheck.queries.exposure_results import (
    OTHER_NAMESPACES,
    OWN_NODE,
    POD_ADDRESS,
    Clients,
    Exposed,
    Exposure,
    Level,
    Opening,
)
from netcheck.report.exposure_words import clients_of, path_text, ports_of
from netcheck.report.layout import Style, count, folded, footer, prose, wrapped
from netcheck.report.paint import Role
from netcheck.values.connections import ConnectionSet

MOST_PATHS = 3
MOST_NAMESPACES = 4
"""So many lines about namespaces are shown for a workload before they become one."""
OWN_NODE_NOTE = "every workload is also reached, on all ports, from the node that it runs on"
_MARK = {Verdict.ALLOWED: "", Verdict.UNKNOWN: "unknown ", Verdict.DENIED: "closed "}
_ROLE = {Verdict.UNKNOWN: Role.DOUBT, Verdict.DENIED: Role.ASIDE}
Line = tuple[Verdict, str, str, str, tuple[str, ...]]
"""Verdict, door, ports, who, and further lines."""


def exposure_table(loaded: Loaded, found: Exposure, style: Style) -> Iterator[str]:
    """Yield the text. Workloads with the same doors share their lines; `-v` adds what is closed, and who closes it."""
    by_own_node = _is_usual(found)
    groups: dict[tuple[Line, ...], list[Exposed]] = {}
    for item in found.workloads:
        shown = [one for one in item.openings if not (one.door == OWN_NODE and by_own_node)]
        shown = shown if style.verbose else list(_together(shown))
        told = (_line(one, style) for one in shown if style.verbose or one.verdict is not Verdict.DENIED)
        groups.setdefault(tuple(told), []).append(item)
    hidden = groups.pop((), [])
    for lines, members in groups.items():
        yield _text(_section(lines, members, style))
    if hidden:
        names = [_name(item) for item in hidden]
        yield _text(wrapped(folded(names, style), first="no open door: ", indent=14, width=style.width))
    if by_own_node:
        yield _text([OWN_NODE_NOTE])
    yield _text(_notes(found, loaded, style), last=True)


def _is_usual(found: Exposure) -> bool:
    """Return whether every workload is open to its own node on all ports: then one sentence says it (NET-4)."""
    own = [one for item in found.workloads for one in item.openings if one.door == OWN_NODE]
    everything = ConnectionSet.all()
    return bool(own) and all(one.verdict is Verdict.ALLOWED and one.connections == everything for one in own)


def _together(openings: Sequence[Opening]) -> Iterator[Opening]:
    """Yield the openings, those from namespaces as one if each of many namespaces has ports of its own."""
    alike = [one for one in openings if (one.door, one.verdict) == (OTHER_NAMESPACES, Verdict.ALLOWED)]
    if len(alike) <= MOST_NAMESPACES:
        yield from openings
        return
    names = tuple(sorted({name for one in alike for name in one.clients.namespaces}))
    ports = ConnectionSet.none()
    for one in alike:
        ports |= one.connections
    for one in openings:
        if one is alike[0]:
            note = "each on some of these ports (-v tells which)"
            yield replace(one, connections=ports, clients=Clients(namespaces=names), note=note)
        elif one not in alike:
            yield one


def _line(item: Opening, style: Style) -> Line:
    who = clients_of(item)
    if item.via:
        who = f"{item.via}, {who}" if who else item.via
    more = list(_paths(item, style))
    if item.note and item.verdict is not Verdict.DENIED and item.door != POD_ADDRESS:  # there the line says it
        more.append(item.note)
    if item.verdict is Verdict.UNKNOWN:
        more += [f"{reason.rule}: {reason.message}" for reason in item.reasons]
    if item.verdict is Verdict.DENIED:
        more += _closers(item)
    if item.addresses and style.verbose:
        more.append(f"at {', '.join(item.addresses)}")
    return item.verdict, f"{_MARK[item.verdict]}{item.door}", ports_of(item), who, tuple(more)


def _paths(item: Opening, style: Style) -> Iterator[str]:
    shown = item.paths if style.verbose else item.paths[:MOST_PATHS]
    if shown:
        rest = len(item.paths) - len(shown)
        yield ", ".join(map(path_text, shown)) + (f" and {rest} more (-v lists them)" if rest else "")


def _closers(item: Opening) -> Iterator[str]:
    found = sorted({_decider(decider) for decider in item.decided_by if decider.policy})
    if found:
        yield f"closed by {', '.join(found)}"
    elif item.note and item.door != POD_ADDRESS:
        yield item.note


def _decider(decider: Decider) -> str:
    return f"{decider.policy} {decider.rule}".strip()


def _section(lines: Sequence[Line], members: Sequence[Exposed], style: Style) -> Iterator[str]:
    names = [_name(item, heading=len(members) == 1) for item in members]
    for line in wrapped(folded(names, style), first="", indent=2, width=style.width):
        yield style.paint(line, Role.NAME)
    widths = max(len(door) for _, door, _, _, _ in lines), min(max(len(ports) for _, _, ports, _, _ in lines), 28)
    for one in lines:
        yield from _door(one, widths, style)


def _door(line: Line, widths: tuple[int, int], style: Style) -> Iterator[str]:
    """Yield one door: its name, ports and clients, then what must be added, under the clients."""
    verdict, door, ports, who, more = line
    lead = f"  {door:{widths[0]}}  {ports:{widths[1]}}  "
    indent = widths[0] + widths[1] + 6
    texts = [f"{' ' * indent}{text}" for text in (who, *more)]
    wide = len(lead) > indent
    lines = _wide(f"  {door:{widths[0]}}  ", ports, style) if wide else []
    for text in texts:
        lines += prose(text, indent=indent, width=style.width)
    if not wide:
        lines[0] = lead + lines[0].lstrip(" ")
    role = _ROLE.get(verdict)
    for shown in lines:
        yield style.paint(shown, role) if role else shown


def _wide(lead: str, ports: str, style: Style) -> list[str]:
    """Return ports that need lines of their own."""
    found = prose(" " * len(lead) + ports, indent=len(lead), width=style.width)
    return [lead + found[0].lstrip(" "), *found[1:]]


def _name(item: Exposed, *, heading: bool = False) -> str:
    endpoint = item.endpoint
    if not heading:
        return endpoint.id
    pods = count(endpoint.pods, "pod") + (", host network" if endpoint.host_network else "")
    return f"{endpoint.id}  {pods}"


def _notes(found: Exposure, loaded: Loaded, style: Style) -> Iterator[str]:
    if not style.quiet:
        opened = sum(any(_is_outside(one) for one in item.openings) for item in found.workloads)
        outside = count(opened, "workload")
        yield f"{outside} of {len(found.workloads):,} open from outside the cluster{_unknown(found)}"
    yield from footer(loaded, style)


def _is_outside(item: Opening) -> bool:
    return item.level is Level.INTERNET and item.verdict is Verdict.ALLOWED


def _unknown(found: Exposure) -> str:
    doubtful = sum(any(one.verdict is Verdict.UNKNOWN for one in item.openings) for item in found.workloads)
    return f"; {count(doubtful, 'workload')} with a door that is not known" if doubtful else ""


def _text(lines: Iterator[str] | Sequence[str], *, last: bool = False) -> str:
    text = "".join(f"{line.rstrip()}\n" for line in lines)
    return text + "\n" if text and not last else text
