"""Atoms of ports and of addresses: the coarsest partitions that no loaded rule cuts further.

A set of atoms is a Python integer, bit i standing for atom i. Address atoms are sets of addresses of one family
that lie in the same sets, so one atom may consist of many ranges.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netcheck.values import intervals
from netcheck.values.addresses import MAX_V4, MAX_V6, IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.intervals import Ranges
from netcheck.values.ports import MAX_PORT, MIN_PORT, PROTOCOLS, PortSet, Protocol


class PortAtoms:
    """The partition of all (protocol, port) by the boundaries of `sets` and `numbers`.

    Bits run through TCP's atoms in ascending order, then UDP's, then SCTP's; `everything` has all bits.
    """

    def __init__(self, sets: Iterable[ConnectionSet], numbers: Iterable[tuple[Protocol, int]] = ()) -> None:
        starts: dict[Protocol, set[int]] = {protocol: {MIN_PORT} for protocol in PROTOCOLS}
        for connections in sets:
            for protocol, ports in connections.items():
                for low, high in ports.ranges:
                    starts[protocol] |= {low, high + 1}
        for protocol, number in numbers:
            starts[protocol] |= {number, number + 1}
        self._starts: dict[Protocol, list[int]] = {}
        self._offset: dict[Protocol, int] = {}
        total = 0
        for protocol in PROTOCOLS:
            found = sorted(port for port in starts[protocol] if port <= MAX_PORT)
            self._starts[protocol] = found
            self._offset[protocol] = total
            total += len(found)
        self.count = total
        self.everything = (1 << total) - 1
        self._masks: dict[ConnectionSet, int] = {ConnectionSet.all(): self.everything}
        self._sets: dict[int, ConnectionSet] = {}

    def mask(self, connections: ConnectionSet) -> int:
        """Return the bits of the atoms in `connections`, whose boundaries must be among those given."""
        found = self._masks.get(connections)
        if found is None:
            found = 0
            for protocol, ports in connections.items():
                for low, high in ports.ranges:
                    found |= self._run(protocol, low, high)
            self._masks[connections] = found
        return found

    def _run(self, protocol: Protocol, low: int, high: int) -> int:
        starts, offset = self._starts[protocol], self._offset[protocol]
        first, last = bisect_right(starts, low) - 1, bisect_right(starts, high) - 1
        return ((1 << (last - first + 1)) - 1) << (offset + first)

    def single(self, protocol: Protocol, port: int) -> int:
        """Return the bit of the atom that holds (`protocol`, `port`)."""
        return 1 << (self._offset[protocol] + bisect_right(self._starts[protocol], port) - 1)

    def of_protocol(self, protocol: Protocol) -> int:
        """Return the bits of all atoms of one protocol."""
        return ((1 << len(self._starts[protocol])) - 1) << self._offset[protocol]

    def connections(self, mask: int) -> ConnectionSet:
        """Return the connections that the atoms of `mask` hold."""
        found = self._sets.get(mask)
        if found is None:
            found = self._sets[mask] = ConnectionSet.of(
                {protocol: self._ports(protocol, mask) for protocol in PROTOCOLS}
            )
        return found

    def _ports(self, protocol: Protocol, mask: int) -> PortSet:
        starts = self._starts[protocol]
        bits = (mask >> self._offset[protocol]) & ((1 << len(starts)) - 1)
        ranges = []
        for first, last in runs(bits):
            end = starts[last + 1] - 1 if last + 1 < len(starts) else MAX_PORT
            ranges.append((starts[first], end))
        return PortSet.of(*ranges)


def runs(bits: int) -> list[tuple[int, int]]:
    """Return the maximal runs of one-bits as (first, last) indexes, ascending."""
    found = []
    position = 0
    while bits:
        zeros = (bits & -bits).bit_length() - 1
        bits >>= zeros
        ones = (~bits & (bits + 1)).bit_length() - 1
        found.append((position + zeros, position + zeros + ones - 1))
        bits >>= ones
        position += zeros + ones
    return found


def indexes(bits: int) -> list[int]:
    """Return the indexes of the one-bits, ascending."""
    if bits.bit_count() * 8 < bits.bit_length():
        return _sparse_indexes(bits)
    text = bin(bits)[:1:-1]
    found = []
    position = text.find("1")
    while position >= 0:
        found.append(position)
        position = text.find("1", position + 1)
    return found


def _sparse_indexes(bits: int) -> list[int]:
    found = []
    offset = 0
    while bits:
        low = (bits & -bits).bit_length() - 1
        found.append(offset + low)
        bits >>= low + 1
        offset += low + 1
    return found


@dataclass(frozen=True, slots=True)
class _Family:
    """One family's elementary intervals: `starts` ascending, `atom_of` the atom of each interval."""

    starts: tuple[int, ...]
    atom_of: tuple[int, ...]
    most: int


class AddressAtoms:
    """The partition of each family by membership in `sets`; atoms of IPv4 come first, then those of IPv6.

    Membership in `ranges` (where unknown addresses lie) cuts too, but is left out of `signature`.
    """

    def __init__(self, sets: Sequence[IPSet], ranges: Sequence[IPSet]) -> None:
        self._families: dict[int, _Family] = {}
        self._signatures: list[int] = []
        self._ranges: list[list[tuple[int, int]]] = []
        self._version: list[int] = []
        self._bits: dict[IPSet, int] = {IPSet.none(): 0}
        self._shown = (1 << len(sets)) - 1
        for version, most in ((4, MAX_V4), (6, MAX_V6)):
            self._add_family(version, most, [*sets, *ranges])
        members: dict[IPSet, int] = dict.fromkeys((*sets, *ranges), 0)
        for atom, signature in enumerate(self._signatures):
            for position in indexes(signature):
                members[(*sets, *ranges)[position]] |= 1 << atom
        self._bits.update(members)
        self.count = len(self._signatures)
        self.everything = (1 << self.count) - 1

    def _add_family(self, version: int, most: int, sets: list[IPSet]) -> None:
        toggles: dict[int, int] = {0: 0}
        for position, addresses in enumerate(sets):
            for low, high in addresses.of_family(version):
                toggles[low] = toggles.get(low, 0) ^ (1 << position)
                toggles[high + 1] = toggles.get(high + 1, 0) ^ (1 << position)
        toggles.pop(most + 1, None)
        starts = sorted(toggles)
        atoms: dict[int, int] = {}
        atom_of = []
        active = 0
        for index, start in enumerate(starts):
            active ^= toggles[start]
            atom = atoms.get(active)
            if atom is None:
                atom = atoms[active] = len(self._signatures)
                self._signatures.append(active)
                self._ranges.append([])
                self._version.append(version)
            end = starts[index + 1] - 1 if index + 1 < len(starts) else most
            self._ranges[atom].append((start, end))
            atom_of.append(atom)
        self._families[version] = _Family(tuple(starts), tuple(atom_of), most)

    def atom(self, version: int, address: int) -> int:
        """Return the index of the atom that holds `address`."""
        family = self._families[version]
        return family.atom_of[bisect_right(family.starts, address) - 1]

    def bits(self, addresses: IPSet) -> int:
        """Return the atoms of `addresses`, which must be one of the sets given or a union that they cut."""
        found = self._bits.get(addresses)
        if found is None:
            found = 0
            for version in (4, 6):
                for low, high in addresses.of_family(version):
                    found |= self._span(version, low, high)
            self._bits[addresses] = found
        return found

    def _span(self, version: int, low: int, high: int) -> int:
        family = self._families[version]
        first, last = bisect_right(family.starts, low) - 1, bisect_right(family.starts, high) - 1
        found = 0
        for position in range(first, last + 1):
            found |= 1 << family.atom_of[position]
        return found

    def version(self, atom: int) -> int:
        """Return the family, 4 or 6, of an atom."""
        return self._version[atom]

    def of_family(self, version: int) -> int:
        """Return the bits of all atoms of one family."""
        return sum(1 << atom for atom in range(self.count) if self._version[atom] == version)

    def signature(self, atom: int) -> int:
        """Return in which of the sets the atom lies, bit i for set i; equal signatures are told apart by no rule."""
        return self._signatures[atom] & self._shown

    def addresses(self, atoms: Iterable[int]) -> IPSet:
        """Return the addresses of the atoms."""
        found: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for atom in atoms:
            found[self._version[atom]] += self._ranges[atom]
        return IPSet(intervals.canonical(found[4]), intervals.canonical(found[6]))

    def ranges(self, atom: int) -> Ranges:
        """Return the ranges of one atom, canonical."""
        return intervals.canonical(self._ranges[atom])
