"""A connection list as text for a terminal: who reaches each workload, on which ports, and what is not known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcheck.model.cluster import Loaded
from netcheck.model.flow import Reason
from netcheck.queries.results import ConnectionList, EndpointType, Row
from netcheck.report.folding import Entry, Section, bit_set, fold, ways_in
from netcheck.report.layout import MOST_NAMES, Style, count, folded, folded_of, footer, ports_text, prose, wrapped
from netcheck.report.naming import Names
from netcheck.report.paint import Role

_PORTS_COLUMN = 26
EXAMPLES = 3
PROXIES = (EndpointType.INGRESS_CONTROLLER, EndpointType.GATEWAY)
MOST_GROUPS = 50_000
"""Above this many groups of different connections a table is not made: it would be tens of thousands of lines."""
_NO_REASON = Reason(rule="NET-18", message="which fact is missing was not recorded")
OWN_NODE = (
    "every workload is also reached, on all ports, from the node that it runs on",
    "every workload also reaches, on all ports, the node that it runs on",
)


def connection_table(
    loaded: Loaded, found: ConnectionList, style: Style, *, by_source: bool = False, whole: bool = True
) -> Iterator[str]:
    """Yield the text. A workload of one pod is not shown as reaching itself.

    `whole` says that the list was not cut to a scope: then ends that it does not name have no connection, and this says so.
    """
    if len(found.groups) > MOST_GROUPS:
        return _too_many(loaded, found, style)
    return _Table(loaded, found, style, by_source).text(whole=whole)


def _too_many(loaded: Loaded, found: ConnectionList, style: Style) -> Iterator[str]:
    """Yield what to do instead of a text that nobody would read."""
    yield f"{count(len(found.groups), 'group')} of different connections: too many for a table\n\n"
    yield "hint: ask for a part with --focus or --only-namespace, or for every pair with -o csv or -o json\n\n"
    unknown = f"{len(found.unknown):,} unknown"
    yield _lines([f"{count(len(found.endpoints), 'endpoint')}, {unknown}", *footer(loaded, style)], last=True)


class _Table:
    def __init__(self, loaded: Loaded, found: ConnectionList, style: Style, by_source: bool) -> None:
        self._loaded = loaded
        self._found = found
        self._style = style
        self._by_source = by_source
        self._names = Names(found.endpoints)
        self._folded = fold(found, by_source=by_source)
        self._sections = self._folded.sections
        self._own_node = self._folded.own_node
        marks = {entry.depends_on for section in self._sections for entry in section.entries if entry.depends_on}
        self._marks = {names: number for number, names in enumerate(sorted(marks), 1)}

    def text(self, *, whole: bool) -> Iterator[str]:
        """Yield the sections, what is not known, and the notes."""
        for section in self._sections:
            yield _lines(self._section(section))
        yield _lines(self._ways_in())
        if self._own_node is not None:
            yield _lines([OWN_NODE[self._by_source]])
        if whole:
            yield _lines(self._unreached())
        yield _lines(self._unknown())
        yield _lines(self._notes(), last=True)

    def _section(self, section: Section) -> Iterator[str]:
        headings = [self._names.heading(end) for end in section.ends]
        merged = self._names.together(bit_set(section.ends))
        if len(merged) < len(headings) and len(headings) > 1:
            headings = merged
        for line in wrapped(folded(headings, self._style), first="", indent=2, width=self._style.width):
            yield self._style.paint(line, Role.NAME)
        texts = [self._ports(entry) for entry in section.entries]
        column = min(max(map(len, texts)), _PORTS_COLUMN)
        alone = bit_set(section.ends) if len(section.ends) == 1 else 0
        for entry, ports in zip(section.entries, texts, strict=True):
            yield from self._entry(entry, ports, column, alone)

    def _ports(self, entry: Entry) -> str:
        most = {"most": 10**6} if self._style.verbose else {}
        mark = f" [{self._marks[entry.depends_on]}]" if entry.depends_on else ""
        return ports_text(entry.connections, **most) + mark

    def _entry(self, entry: Entry, ports: str, column: int, alone: int) -> Iterator[str]:
        word = "to" if self._by_source else "from"
        most = None if self._style.verbose else MOST_NAMES
        others = folded_of(*self._names.some(entry.mask, besides=alone, most=most), self._style)
        indent = 2 + column + 2 + len(word) + 1
        first = f"  {ports:{column}}  {word} "
        if len(ports) > column:
            yield f"  {ports}"
            first = f"  {'':{column}}  {word} "
        yield from wrapped(others, first=first, indent=indent, width=self._style.width)

    def _unreached(self) -> Iterator[str]:
        """Yield the ends that have no connection at all, which their absence would not say."""
        named = {end for section in self._sections for end in section.ends}
        for row in (*self._found.unknown, *self._found.entries):
            named.add(row.source if self._by_source else row.destination)
        if not self._by_source:  # nothing is said of who reaches a proxy itself
            named |= {n for n, item in enumerate(self._found.endpoints) if item.type in PROXIES}
        missing = [end for end in range(len(self._found.endpoints)) if end not in named]
        names = self._names.together(bit_set(missing))
        if names:
            nothing = "nothing else" if self._own_node is not None else "nothing"
            first = f"reach {nothing}: " if self._by_source else f"reached by {nothing}: "
            yield from wrapped(folded(names, self._style), first=first, indent=len(first), width=self._style.width)

    def _ways_in(self) -> Iterator[str]:
        """Yield what leads in through Services, Ingresses, Routes and Gateways: by object and ports, the ends together."""
        if not self._found.entries:
            return
        yield self._style.paint("ways in", Role.NAME)
        heading = ""
        for way in ways_in(self._found.entries):
            sources = folded(self._names.together(way.sources), self._style)
            ends = folded(self._names.together(way.destinations), self._style)
            lines = wrapped(sources, first=f"  {way.via}, from ", indent=4, width=self._style.width)
            if "\n".join(lines) != heading:
                heading = "\n".join(lines)
                yield from lines
            first = f"    {ports_text(way.connections)}  to "
            yield from wrapped(ends, first=first, indent=len(first), width=self._style.width)

    # ---- what is not known ---------------------------------------------------------------------------------------

    def _unknown(self) -> Iterator[str]:
        rows = self._found.unknown
        if not rows:
            return
        yield self._style.paint(f"unknown: {count(len(rows), 'pair')}", Role.DOUBT)
        alike: dict[tuple[Reason, ...], list[Row]] = {}
        for row in rows:
            alike.setdefault(row.reasons, []).append(row)
        for reasons, members in sorted(alike.items(), key=lambda item: [(r.rule, r.message) for r in item[0]]):
            for reason in reasons or (_NO_REASON,):
                text = f"  {reason.rule}: {reason.message}"
                yield from prose(text, indent=4, width=self._style.width)
            yield from self._pairs(members)

    def _pairs(self, rows: list[Row]) -> Iterator[str]:
        """Yield the pairs by destination and ports, the sources together."""
        cells: dict[tuple[str, str, int], list[int]] = {}
        for row in rows:
            cells.setdefault((ports_text(row.connections), row.via, row.destination), []).append(row.source)
        joined: dict[tuple[str, str, tuple[str, ...]], list[int]] = {}
        for (ports, via, destination), sources in cells.items():
            joined.setdefault((ports, via, tuple(self._names.together(bit_set(sources)))), []).append(destination)
        lines = [
            f"{ports} from {', '.join(sources)} to {', '.join(self._names.together(bit_set(destinations)))}"
            + (f" via {via}" if via else "")
            for (ports, via, sources), destinations in joined.items()
        ]
        shown = lines if self._style.verbose or len(lines) <= EXAMPLES + 1 else lines[:EXAMPLES]
        for line in shown:
            yield from prose(f"      {line}", indent=8, width=self._style.width)
        if len(shown) < len(lines):
            yield f"      and {len(lines) - len(shown):,} lines more (-v lists them)"

    def _notes(self) -> Iterator[str]:
        for names, number in self._marks.items():
            yield f"[{number}] another CNI profile answers otherwise: {', '.join(names)}"
        if not self._style.quiet:
            pairs = count(self._folded.pairs, "allowed pair")
            ways = f", {count(len(self._found.entries), 'way')} in" if self._found.entries else ""
            unknown = f"{len(self._found.unknown):,} unknown"
            yield f"{count(len(self._found.endpoints), 'endpoint')}, {pairs}{ways}, {unknown}"
        yield from footer(self._loaded, self._style)


def _lines(lines: Iterable[str], *, last: bool = False) -> str:
    """Return lines as one block, followed by an empty line unless it is the last block."""
    text = "".join(f"{line.rstrip()}\n" for line in lines)
    return text + "\n" if text and not last else text
