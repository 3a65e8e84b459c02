"""Exposure as text for a terminal: for each workload its doors, one line each, the most exposed workload first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netcheck.model.cluster import Loaded
from netcheck.model.flow import Decider, Verdict
from netcheck.queries.openings import OWN_NODE, POD_ADDRESS, Exposed, Exposure, Level, Opening
from netcheck.report.exposure_words import clients_of, path_text, ports_of
from netcheck.report.layout import Style, count, folded, footer, prose, wrapped
from netcheck.report.paint import Role
from netcheck.values.connections import ConnectionSet

MOST_PATHS = 3
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
    first = max(len(door) for _, door, _, _, _ in lines)
    second = min(max(len(ports) for _, _, ports, _, _ in lines), 28)
    for verdict, door, ports, who, more in lines:
        yield from _door(verdict, (f"  {door:{first}}", f"  {ports:{second}}  "), who, more, style)


def _door(verdict: Verdict, columns: tuple[str, str], who: str, more: Sequence[str], style: Style) -> Iterator[str]:
    """Yield one door: its name, ports and clients, then what must be added, under the clients."""
    role = _ROLE.get(verdict)
    lead = "".join(columns)
    indent = min(len(lead), style.width // 2)
    texts = [lead + who, *(" " * indent + text for text in more)]
    for number, text in enumerate(texts):
        for line in _broken(text, lead if not number else " " * indent, indent, style.width):
            yield style.paint(line, role) if role else line


def _broken(text: str, lead: str, indent: int, width: int) -> list[str]:
    """Return a text as lines; what leads the first line is kept as it is."""
    if len(text) <= width:
        return [text]
    room = max(width - indent, 20)
    pieces = prose(text[len(lead) :], indent=0, width=room if len(lead) <= indent else max(width - len(lead), 20))
    return [lead + pieces[0], *(" " * indent + piece for piece in pieces[1:])]


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
