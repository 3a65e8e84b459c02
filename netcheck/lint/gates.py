"""Who is let in to a port of a pod: by outside addresses, nodes and other pods, in one IP family.

Policies are judged on the backend (SVC-23), by the tables of the set engine. Sets of ends are bits of its universe.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from netcheck.lint.snapshot import Snapshot, Subjects
from netcheck.lint.ways import Behind
from netcheck.logic.atoms import indexes
from netcheck.logic.ir import Kind
from netcheck.model.policy import Direction
from netcheck.values.addresses import IPSet, address_text

FAMILIES = (4, 6)
_NOT_PUBLIC = IPSet.of_cidrs(
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
    "224.0.0.0/3", "::/16", "fc00::/7", "fe80::/10", "ff00::/8",
)  # fmt: skip
PUBLIC = ~_NOT_PUBLIC
"""The addresses that clients outside the cluster's own network have."""

_EXAMPLES = tuple((text, IPSet.of_cidrs(text)) for text in ("198.51.100.1", "203.0.113.1", "192.0.2.1", "2001:db8::1"))


@dataclass(frozen=True, slots=True)
class Admitted:
    """The ends that are let in for certain, and those that may be."""

    must: int
    may: int


class Gates:
    """Who is let in, over the universe of a snapshot's engine."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._universe = snapshot.engine.universe
        self._memo: dict[tuple[int, int, object, int], Admitted] = {}

    def subjects(self, position: int) -> Subjects | None:
        """Return the pods that are isolated for ingress like one pod; None where that is not certain, or on the host."""
        found = self._snapshot.subjects_at(position, Direction.INGRESS)
        return found if found is not None and found.certain else None

    def into(self, end: Behind, version: int) -> Admitted | None:
        """Return who is let in to a port of a pod; None where that is not judged."""
        subjects = self.subjects(end.pod)
        return None if subjects is None else self._let(subjects, end, version)

    def out_of(self, position: int, end: Behind, version: int) -> Admitted | None:
        """Return to which pods, nodes and addresses a pod may connect on a port; None where that is not judged."""
        subjects = self._snapshot.subjects_at(position, Direction.EGRESS)
        return None if subjects is None or not subjects.certain else self._let(subjects, end, version)

    def _let(self, subjects: Subjects, end: Behind, version: int) -> Admitted:
        port = self._universe.ports.single(end.protocol, end.number)
        key = (id(subjects), port, end.protocol, version)
        found = self._memo.get(key)
        if found is None:
            parts = [part for part in subjects.tables[version].parts if part.mask & port]
            found = self._memo[key] = Admitted(_union(p.must for p in parts), _union(p.may for p in parts))
        return found

    def passes(self, source: int, end: Behind) -> bool | None:
        """Return whether a pod may connect to another: True or False only where that is certain, on each side alone."""
        if self._snapshot.cluster.pods[source].host_network:
            return None
        answers = [self._passes_in(source, end, version) for version in FAMILIES]
        return None if None in answers else any(answers)

    def _passes_in(self, source: int, end: Behind, version: int) -> bool | None:
        element, target = self._snapshot.element(source), self._snapshot.element(end.pod)
        family = self._family[version]
        if not family >> element & family >> target & 1:
            return False
        into, out = self.into(end, version), self.out_of(source, end, version)
        if into is None or out is None:
            return None
        if not (into.may >> element & 1 and out.may >> target & 1):
            return False
        return True if into.must >> element & out.must >> target & 1 else None

    # ---- sets of ends ----------------------------------------------------------------------------------------

    @cached_property
    def _family(self) -> dict[int, int]:
        return {version: self._universe.family_bits(version) for version in FAMILIES}

    @cached_property
    def outside(self) -> int:
        """Every outside address."""
        return self._universe.addresses.everything << self._universe.atom_offset

    def public(self, version: int) -> int:
        """Return the outside addresses of one family that lie, at least in part, in no private or special range."""
        return self._public[version]

    @cached_property
    def _public(self) -> dict[int, int]:
        atoms = self._universe.addresses
        offset = self._universe.atom_offset
        return {
            version: _union(
                1 << offset + atom for atom in indexes(atoms.of_family(version)) if atoms.addresses([atom]) & PUBLIC
            )
            for version in FAMILIES
        }

    @cached_property
    def hosts(self) -> int:
        """The loaded nodes, and pods on the host's network."""
        universe = self._universe
        nodes = (1 << universe.own_node) - (1 << universe.pod_count)
        pods = universe.elements[: universe.pod_count]
        return nodes | _union(1 << index for index, element in enumerate(pods) if element.kind is Kind.HOST_POD)

    def nodes(self, version: int) -> int:
        """Return the nodes of one family: the loaded ones, or where none is loaded the addresses where nodes may lie."""
        universe = self._universe
        loaded = (1 << universe.own_node) - (1 << universe.pod_count)
        return (loaded or universe.node_range_atoms << universe.atom_offset) & self._family[version]

    def example(self, bits: int, within: IPSet | None = None) -> str:
        """Return an address of some atom of `bits`, in `within` if that is given, or nothing: one for examples if it can be."""
        atoms = indexes((bits & self.outside) >> self._universe.atom_offset)
        held = self._universe.addresses.addresses(atoms)
        kept = held if within is None else held & within
        for text, alone in _EXAMPLES:
            if alone <= kept:
                return text
        for version in FAMILIES:
            for low, high in kept.of_family(version):
                return address_text(version, min(low + 10, high))
        return ""


def _union(found: Iterable[int]) -> int:
    bits = 0
    for item in found:
        bits |= item
    return bits
