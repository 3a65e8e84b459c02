"""The rectangles of the set engine seen from one destination at a time: who must and who may get in, on which ports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netcheck.engines.rectangles import Rectangle
from netcheck.engines.sets import SetEngine
from netcheck.logic.atoms import indexes


@dataclass(frozen=True, slots=True)
class Block:
    """Sources that are let in alike: on the ports of `must` in every completion, on those of `may` besides in some."""

    sources: int
    must: int
    may: int


class Incoming:
    """What reaches the elements of `wanted` (bits). Destinations in the same rectangles share their answers."""

    def __init__(self, engine: SetEngine, wanted: int) -> None:
        matrix = engine.matrix
        self._rectangles = [(item.sources, item.mask, True) for item in matrix.allowed]
        self._rectangles += [(item.sources, item.mask, False) for item in matrix.unknown]
        self._of: dict[int, list[int]] = {}
        self._number(matrix.allowed, wanted, 0)
        self._number(matrix.unknown, wanted, len(matrix.allowed))
        self._keys = {element: tuple(numbers) for element, numbers in self._of.items()}
        self._blocks: dict[tuple[tuple[int, ...], int], tuple[Block, ...]] = {}
        self._sources: dict[tuple[tuple[int, ...], int], tuple[int, int]] = {}

    def _number(self, rectangles: Sequence[Rectangle], wanted: int, first: int) -> None:
        for number, item in enumerate(rectangles, first):
            for element in indexes(item.destinations & wanted):
                self._of.setdefault(element, []).append(number)

    def key(self, destination: int) -> tuple[int, ...]:
        """Return what two destinations share iff the same sources get in to them on the same ports."""
        return self._keys.get(destination, ())

    def blocks(self, destination: int, within: int) -> tuple[Block, ...]:
        """Return the sources of `within` by the ports on which they get in, those that never do left out."""
        key = (self.key(destination), within)
        found = self._blocks.get(key)
        if found is None:
            found = self._blocks[key] = self._partition(*key)
        return found

    def _partition(self, numbers: Iterable[int], within: int) -> tuple[Block, ...]:
        parts: dict[tuple[int, int], int] = {(0, 0): within}
        for number in numbers:
            sources, mask, certain = self._rectangles[number]
            if not sources & within:
                continue
            cut: dict[tuple[int, int], int] = {}
            for (must, may), bits in parts.items():
                if rest := bits & ~sources:
                    cut[must, may] = cut.get((must, may), 0) | rest
                if common := bits & sources:
                    new = (must | mask, may) if certain else (must, may | mask)
                    cut[new] = cut.get(new, 0) | common
            parts = cut
        merged: dict[tuple[int, int], int] = {}
        for (must, may), bits in parts.items():
            if must or may:
                merged[must, may & ~must] = merged.get((must, may & ~must), 0) | bits
        return tuple(Block(bits, must, may) for (must, may), bits in sorted(merged.items(), key=lambda item: item[0]))

    def sources(self, destination: int, port: int) -> tuple[int, int]:
        """Return who must and who may (or must) get in on one port atom."""
        key = (self.key(destination), port)
        found = self._sources.get(key)
        if found is None:
            must = may = 0
            for number in key[0]:
                sources, mask, certain = self._rectangles[number]
                if mask & port:
                    may |= sources
                    must |= sources if certain else 0
            found = self._sources[key] = (must, may)
        return found


def outgoing(engine: SetEngine, destination: int, port: int) -> tuple[int, int]:
    """Return which elements must and which may (or must) reach one destination on one port atom."""
    must = may = 0
    for item in engine.matrix.allowed:
        if item.destinations >> destination & 1 and item.mask & port:
            must |= item.sources
    for item in engine.matrix.unknown:
        if item.destinations >> destination & 1 and item.mask & port:
            may |= item.sources
    return must, may | must
