"""What decided the rows of a list, as text: each explanation once, with the connections it holds for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netcheck.model.flow import Decider
from netcheck.queries.results import ConnectionList, Row
from netcheck.report.folding import bit_set
from netcheck.report.layout import Style, count, folded, ports_text, prose, wrapped
from netcheck.report.naming import Names
from netcheck.report.paint import Role
from netcheck.report.query_text import decider_text

_HEADING = "decided by (one flow of each connection, as the oracle judges it)"
_MANY = "its completions are too many to try them"


def explained_table(found: ConnectionList, style: Style) -> Iterator[str]:
    """Yield the explanations, those that hold for most connections first; nothing for a list without them."""
    alike: dict[tuple[Decider, ...], list[Row]] = {}
    for row in found.row_source:
        alike.setdefault(tuple(map(_of_any_end, row.decided_by)), []).append(row)
    if not any(alike):
        return
    names = Names(found.endpoints)
    yield f"\n{style.paint(_HEADING, Role.NAME)}\n"
    for deciders, rows in sorted(alike.items(), key=lambda item: -len(item[1])):
        yield "\n" + "".join(f"{line.rstrip()}\n" for line in _explanation(deciders, rows, names, style))


def _of_any_end(decider: Decider) -> Decider:
    """Return a decider without the name of the end that no policy applies to, so that the same words stand for all."""
    return replace(decider, note="no policy applies to what is no pod") if decider.cites == "NP-1" else decider


def _explanation(deciders: tuple[Decider, ...], rows: list[Row], names: Names, style: Style) -> Iterator[str]:
    yield count(len(rows), "connection")
    yield from _deciders(deciders, style)
    cells: dict[tuple[int, str], list[int]] = {}
    for row in rows:
        cells.setdefault((row.destination, ports_text(row.connections)), []).append(row.source)
    joined: dict[tuple[str, int], list[int]] = {}
    for (destination, ports), sources in cells.items():
        joined.setdefault((ports, bit_set(sources)), []).append(destination)
    for (ports, near), destinations in joined.items():
        listed = folded(names.together(near), style)
        to = ", ".join(folded(names.together(bit_set(destinations)), style))
        yield from prose(f"    to {to} on {ports}", indent=8, width=style.width)
        yield from wrapped(listed, first="      from ", indent=11, width=style.width)


def _deciders(deciders: tuple[Decider, ...], style: Style) -> Iterator[str]:
    if not deciders:
        yield f"  {_MANY}"
    for decider in deciders:
        yield from prose(f"  {decider_text(decider)}", indent=4, width=style.width)
        if decider.place is not None:
            yield style.paint(f"      {decider.place}", Role.ASIDE)
