"""Where two matrices differ: rectangles of classes with what passes before and after, without a loop over pairs.

Sources that lie in the same rectangles of both sides are treated together; rectangles that both sides have alike are
read only where others touch the same destinations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from netcheck.logic.atoms import indexes
from netcheck.logic.classes import mask_of
from netcheck.queries.diff_alike import Alike
from netcheck.queries.diff_sides import ClassBits, Side, Sides

_KINDS = 4
_Values = tuple[int, int, int, int]
"""Port masks: allowed before, unknown before, allowed after, unknown after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Classes (bits) whose connections differ, or may: port masks.

    `open` holds what is not known to be alike, and `opens` what of that may pass in HEAD without having passed in BASE.
    """

    sources: int
    destinations: int
    before: int
    after: int
    open: int
    opens: int = 0


@dataclass(frozen=True, slots=True)
class _Piece:
    sources: int
    destinations: int
    mask: int
    kind: int


def cells(sides: Sides) -> list[Cell]:
    """Return where the two sides differ or may differ, each pair of classes in at most one cell."""
    pieces = [*_pieces(sides, sides.base, 0), *_pieces(sides, sides.head, 2)]
    alike = Alike(sides)
    gathered: dict[tuple[int, _Values], int] = {}
    for sources, numbers in _alike(pieces):
        for values, destinations in _values(pieces, numbers):
            key = (destinations, values)
            gathered[key] = gathered.get(key, 0) | sources
    found: dict[tuple[int, int, int, int, int], int] = {}
    for (destinations, values), sources in gathered.items():
        for cell in _cells(sources, destinations, values, alike):
            same = (cell.sources, cell.before, cell.after, cell.open, cell.opens)
            found[same] = found.get(same, 0) | cell.destinations
    made = (
        Cell(sources=sources, destinations=destinations, before=before, after=after, open=left, opens=opens)
        for (sources, before, after, left, opens), destinations in found.items()
    )
    return sorted(made, key=lambda cell: (_first(cell.sources), _first(cell.destinations), cell.before, cell.after))


def _first(bits: int) -> int:
    return (bits & -bits).bit_length()


def _pieces(sides: Sides, side: Side, kind: int) -> Iterator[_Piece]:
    bits = ClassBits(sides, side)
    matrix = side.engine.matrix
    for offset, rectangles in enumerate((matrix.allowed, matrix.unknown)):
        for item in rectangles:
            sources, destinations = bits.of(item.sources), bits.of(item.destinations)
            if sources and destinations:
                yield _Piece(sources, destinations, sides.mask(side, item.mask), kind + offset)


def _alike(pieces: Sequence[_Piece]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield the sources (bits) that lie in the same pieces, with the numbers of these."""
    of_source: dict[int, list[int]] = {}
    for number, piece in enumerate(pieces):
        for source in indexes(piece.sources):
            of_source.setdefault(source, []).append(number)
    groups: dict[tuple[int, ...], list[int]] = {}
    for source, numbers in of_source.items():
        groups.setdefault(tuple(numbers), []).append(source)
    for group, members in groups.items():
        yield mask_of(members), group


def _values(pieces: Sequence[_Piece], numbers: Iterable[int]) -> Iterator[tuple[_Values, int]]:
    """Yield the destinations of one source by what passes there, as far as the two sides may differ."""
    mine = [pieces[number] for number in numbers]
    before = {(item.destinations, item.mask, item.kind) for item in mine if item.kind < 2}
    after = {(item.destinations, item.mask, item.kind - 2) for item in mine if item.kind >= 2}
    touched = 0
    for destinations, _, _ in before ^ after:
        touched |= destinations
    for destinations, _, kind in before:
        touched |= destinations if kind else 0  # what is unknown on both sides need not be the same
    found: dict[_Values, int] = {(0, 0, 0, 0): touched} if touched else {}
    for item in mine:
        rest = item.destinations & touched
        for values, holders in list(found.items()) if rest else ():
            both = holders & rest
            if both:
                _move(found, values, both, item)
                rest &= ~both
            if not rest:
                break
    for values, holders in found.items():
        if holders and (values[0] != values[2] or values[1] or values[3]):
            yield values, holders


def _move(found: dict[_Values, int], values: _Values, chosen: int, item: _Piece) -> None:
    joined = (*values[: item.kind], values[item.kind] | item.mask, *values[item.kind + 1 :])
    if joined == values:
        return
    assert len(joined) == _KINDS
    found[values] &= ~chosen
    found[joined] = found.get(joined, 0) | chosen  # type: ignore[index,arg-type]


def _cells(sources: int, destinations: int, values: _Values, alike: Alike) -> Iterator[Cell]:
    """Yield a cell, or the parts of it that differ where what is unknown is the same unknown on both sides."""
    before, after = values[0], values[2]
    unsure = (values[1] & ~before) | (values[3] & ~after)
    both = values[1] & ~before & values[3] & ~after
    parts: Iterable[tuple[int, int, int]] = [(sources, destinations, 0)]
    if both:
        parts = alike.parts(sources, destinations, both)
    for some, others, left in parts:
        open_ports = unsure & ~both | left
        opens = open_ports & ~before & (after | values[3])
        known = (before & ~unsure, after & ~unsure)
        if open_ports or known[0] != known[1]:
            yield Cell(sources=some, destinations=others, before=known[0], after=known[1], open=open_ports, opens=opens)
