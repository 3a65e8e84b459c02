"""What is proved of a cluster with the suggested policies: needed flows stay, gaps close, nothing opens.

The set engine decides it of everything that is loaded, the oracle confirms a flow of each need, Z3 decides it of pods that
could be created. The policies that are judged are those that the printed text is read back as.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from netcheck.engines.sets import SetEngine
from netcheck.errors import InternalError
from netcheck.load.loader import load_text
from netcheck.logic.atoms import indexes
from netcheck.logic.classes import NO_ATOM, Universe, mask_of
from netcheck.logic.ir import Kind
from netcheck.logic.translate import resolutions, translate
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Tier, Verdict
from netcheck.model.intents import Intent
from netcheck.model.objects import Pod
from netcheck.model.policy import Direction, NetworkPolicy, PolicyRule
from netcheck.model.profile import Switch
from netcheck.queries.compare import Outcome as Relates
from netcheck.queries.compare import Relation, compare
from netcheck.queries.flow_table import Box, FlowTable, Group, Parts, meets, minus
from netcheck.queries.intent_witness import Witnesses
from netcheck.queries.manifests import network_policy_text
from netcheck.queries.suggest_cells import Open
from netcheck.queries.suggest_groups import Groups
from netcheck.queries.suggest_results import Check, Need, NeedEnd
from netcheck.queries.verify import verify
from netcheck.queries.verify_results import Outcome
from netcheck.values.addresses import IPSet

SETS, SOLVER, BOTH = "sets", "z3", "sets and z3"
_WITHOUT_ADMIN = 2
"""How many clusters are compared where no admin policy could let through what NetworkPolicies deny."""


class Scene:
    """A cluster, now or with policies added, over classes that needs and the policies of both cut."""

    def __init__(self, clusters: Sequence[Cluster], groups: Groups, needs: Iterable[Need]) -> None:
        every = tuple(needs)
        self._groups = groups
        base = clusters[0]
        apart = [apart_from(groups, position, pod) for position, pod in enumerate(base.pods)]
        programs = [translate(one, profile) for one in clusters for profile in resolutions(one)]
        universe = Universe(
            base,
            programs,
            cuts=tuple(dict.fromkeys(end.addresses for need in every for end in _ends(need) if end.addresses)),
            port_cuts=tuple(dict.fromkeys(need.connections for need in every)),
            apart=apart,
        )
        self.universe = universe
        self.engines = [SetEngine(one, universe=universe) for one in clusters]
        self.tables = [FlowTable(engine) for engine in self.engines]
        self._bits: dict[NeedEnd, int] = {}
        self._host_atoms = self._atoms_of_hosts()

    def bits(self, end: NeedEnd) -> int:
        """Return the elements that an end stands for, pods that no label tells apart from its own among them.

        Clients outside are no pods.
        """
        found = self._bits.get(end)
        if found is None:
            universe, table = self.universe, self.tables[0]
            found = self.pods(self._groups.of_pods(end.pods))
            if end.addresses:
                found |= universe.addresses.bits(end.addresses) << universe.atom_offset & ~table.taken
                found |= self._hosts(end.addresses)
            if end.anybody:
                found |= table.ends if end.selector is not None else table.ends & ~table.pods
            self._bits[end] = found
        return found

    def let_in(self, end: NeedEnd) -> int:
        """Return the elements that a rule for an end lets through, perhaps only in one family.

        A rule for clients outside lets in everybody, and one for addresses whoever has them.
        """
        if end.anybody:
            return self.tables[0].ends
        having = self._having(end.addresses) if end.addresses else 0
        refused = mask_of({self.universe.class_of[position] for position in end.pods & self._groups.refused})
        return self.bits(end) | having | refused | self._host_peers(end)

    def _host_peers(self, end: NeedEnd) -> int:
        """Return pods on their node's network that selectors of pods may mean too, where a plugin has it so (NET-3)."""
        universe = self.universe
        pods = universe.cluster.pods
        if universe.cluster.profile.host_net_peer is Switch.NO:
            return 0
        namespaces = {pods[position].namespace for position in end.pods}
        elements = enumerate(universe.elements[: universe.pod_count])
        return mask_of(at for at, one in elements if one.kind is Kind.HOST_POD and one.namespace in namespaces)

    def _hosts(self, addresses: IPSet) -> int:
        """Return the nodes, and the pods on their network, all of whose addresses are among some."""
        found = 0
        for number, atoms in self._host_atoms.items():
            found |= bool(atoms and not atoms & ~self.universe.addresses.bits(addresses)) << number
        return found

    def _having(self, addresses: IPSet) -> int:
        """Return the pods and nodes of which an address is among some, or may be."""
        universe, found = self.universe, self._hosts(addresses)
        among = universe.addresses.bits(addresses)
        for number, element in enumerate(universe.elements[: universe.own_node]):
            atoms = [atom for _, atom in element.address_atoms if atom != NO_ATOM]
            found |= any(atom is None or among >> atom & 1 for atom in atoms) << number
        return found

    def _atoms_of_hosts(self) -> dict[int, int]:
        universe = self.universe
        found = {}
        for number, element in enumerate(universe.elements[: universe.own_node]):
            if element.kind is not Kind.POD:
                held = universe.cluster.nodes if element.kind is Kind.NODE else universe.cluster.pods
                located = universe.locate(held[element.members[0]].addresses, element.kind)
                found[number] = mask_of(atom for _, atom in located if atom is not None)
        return found

    def pods(self, groups: int) -> int:
        """Return the elements of some groups."""
        return mask_of({self.universe.class_of[position] for position in self._groups.pods_of(groups)})

    def end(self, end: NeedEnd, bits: int) -> NeedEnd:
        """Return the part of an end that some elements are; of clients outside there are no parts."""
        if end.anybody:
            return end
        universe = self.universe
        pods = frozenset(
            member for number in indexes(bits & self.tables[0].pods) for member in universe.elements[number].members
        )
        atoms = list(indexes(bits >> universe.atom_offset))
        addresses = universe.addresses.addresses(atoms) & end.addresses if atoms else IPSet.none()
        return NeedEnd(text=end.text, pods=pods, addresses=addresses)

    def box(self, need: Need) -> Box:
        """Return where a need leads."""
        return Box(self.bits(need.destination), self.universe.ports.mask(need.connections))


def apart_from(groups: Groups, position: int, pod: Pod) -> Hashable:
    """Return what tells a pod from others: its group, or of a pod on its node's network its addresses."""
    return groups.of_pods((position,)).bit_length() or pod.addresses


def _ends(need: Need) -> tuple[NeedEnd, NeedEnd]:
    return need.source, need.destination


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be proved: of which needs, of whom that was open, with which intents beside."""

    needs: tuple[Need, ...]
    open: Open
    policies: tuple[NetworkPolicy, ...]
    intents: tuple[Intent, ...] = ()
    timeout_ms: int


def with_policies(cluster: Cluster, policies: Iterable[NetworkPolicy]) -> Cluster:
    """Return the cluster with policies added, as they are read from their text.

    Raises:
        InternalError: the text does not say what was meant.
    """
    read: list[NetworkPolicy] = []
    for policy in policies:
        loaded = load_text(network_policy_text(policy), "suggested.yaml")
        if loaded.problems or loaded.cluster.policies != (policy,):
            raise InternalError(f"the text of a suggested policy says something else: {policy.label}")
        read.append(replace(policy, place=None))
    together = sorted((*cluster.policies, *read), key=lambda item: (item.namespace, item.name))
    return replace(cluster, policies=tuple(together))


def prove(cluster: Cluster, groups: Groups, plan: Plan) -> tuple[Check, ...]:
    """Return what was checked of the cluster with the planned policies."""
    after = with_policies(cluster, plan.policies)
    return tuple(_Prover(cluster, after, groups, plan).checks())


class _Prover:
    def __init__(self, before: Cluster, after: Cluster, groups: Groups, plan: Plan) -> None:
        self._clusters = (before, after)
        self._plan = plan
        judged = [before, after]
        if any(policy.tier is Tier.ADMIN for policy in before.admin):
            judged.append(_closed(before, groups, plan.open))
        self._scene = Scene(judged, groups, plan.needs)
        self._groups = groups
        self._now, self._then = self._scene.tables[:_WITHOUT_ADMIN]
        self._witnesses = Witnesses(after, self._scene.engines[1])

    def checks(self) -> Iterator[Check]:
        """Yield every check: of needs, of gaps, of all that is loaded, of all that could be, and of intents."""
        yield self._kept()
        yield self._isolated()
        yield from self._nothing_else()
        yield from self._closed_to_new_pods()
        if not any(need.opens for need in self._plan.needs):
            yield self._nothing_opens()
            yield from self._nothing_could_open()
        yield from self._intents()

    # ---- needs stay ----------------------------------------------------------------------------------------------

    def _kept(self) -> Check:
        count = 0
        for need in self._plan.needs:
            lost = self._lost(need)
            if lost is not None:
                return self._failed("every needed connection that passes today still passes", *lost)
            count += 1
        claim = f"every connection that passes today and is needed still passes (of {count} needs)"
        return Check(claim=claim, holds=True, by=f"{SETS}, a flow of each by the oracle")

    def _lost(self, need: Need) -> tuple[int, int, int, Verdict] | None:
        """Return a flow of a need that passes today and no longer would, or perhaps not; one that passes is put to the oracle."""
        box, sources = self._scene.box(need), self._scene.bits(need.source)
        shown = False
        for group, later in _pairs(self._now, self._then, sources):
            passing = meets(group.allowed, [box])
            chosen, left = sources & group.sources & later.sources, minus(passing, later.allowed)
            if (lost := self._first(chosen, minus(left, later.unknown))) is not None:
                return (*lost, Verdict.DENIED)
            if (lost := self._first(chosen, left)) is not None:
                return (*lost, Verdict.UNKNOWN)
            if not shown and (found := self._first(chosen, passing)) is not None:
                self._witnesses.evidence(*found, Verdict.ALLOWED)
                shown = True
        return None

    def _first(self, sources: int, parts: Parts) -> tuple[int, int, int] | None:
        for mask, destinations in sorted(parts.items()):
            pair = self._now.pair(sources, destinations)
            if pair is not None:
                return (*pair, mask)
        return None

    def _failed(self, claim: str, source: int, destination: int, mask: int, verdict: Verdict) -> Check:
        evidence = self._witnesses.evidence(source, destination, mask, verdict)
        decided = "; ".join(f"{item.policy or item.tier.value}" for item in evidence.decided_by)
        return Check(
            claim=f"{claim} (decided by {decided})" if decided else claim,
            holds=None if verdict is Verdict.UNKNOWN else False,
            by=SETS,
            witness=evidence.flow,
            reasons=evidence.reasons,
        )

    # ---- gaps close ----------------------------------------------------------------------------------------------

    def _isolated(self) -> Check:
        """NP-4: that something restricts a pod is not enough, as an admin policy may; a NetworkPolicy has to select it."""
        engine, counts = self._scene.engines[1], []
        for direction, groups in self._plan.open.groups.items():
            left = groups & ~self._groups.isolated(self._clusters[1].policies, direction)
            if left or not all(engine.is_isolated(number, direction) for number in indexes(self._scene.pods(groups))):
                return Check(claim="every gap is closed: all pods are isolated", holds=False, by=SETS)
            if groups:
                counts.append(f"{groups.bit_count():,} for {direction.value.lower()}")
        claim = f"every gap is closed: groups of pods that are isolated now and were not: {', '.join(counts) or 'none'}"
        return Check(claim=claim, holds=True, by=SETS)

    def _nothing_else(self) -> Iterator[Check]:
        """Compare what passes with what is needed, for every flow with an end that was open."""
        claim = "what was open lets through nothing but what is needed"
        undeniable: Check | None = None
        for sources, allowed, granted in self._rows():
            for chosen, parts in self._beside_needs(sources, allowed):
                found = self._first(chosen, minus(parts, granted))
                if found is not None:
                    yield self._failed(claim, *found, Verdict.ALLOWED)
                    return
                if undeniable is None and (found := self._first(chosen, parts)) is not None:
                    undeniable = self._failed(
                        "nothing passes only because an admin policy lets it", *found, Verdict.ALLOWED
                    )
        yield Check(claim=claim, holds=True, by=SETS)
        if undeniable is not None:
            otherwise = (
                "an admin policy lets through what nothing tells is needed, and no NetworkPolicy can deny that (ADM-3)"
            )
            yield replace(undeniable, binding=False, otherwise=otherwise)

    def _rows(self) -> Iterator[tuple[int, tuple[Box, ...], tuple[Box, ...]]]:
        """Yield sources with what they may open, and with what they may open however much NetworkPolicies deny."""
        if len(self._scene.tables) == _WITHOUT_ADMIN:
            yield from ((group.sources, group.allowed, ()) for group in self._then.groups)
            return
        for group, least in _pairs(self._then, self._scene.tables[-1], -1):
            yield group.sources & least.sources, group.allowed, least.allowed

    def _beside_needs(self, sources: int, allowed: tuple[Box, ...]) -> Iterator[tuple[int, Parts]]:
        """Yield parts of some sources with what they may open to or from what was open beside what they need."""
        out = self._scene.pods(self._plan.open.groups[Direction.EGRESS])
        into = self._scene.pods(self._plan.open.groups[Direction.INGRESS])
        for held, boxes in self._by_needs(sources & self._then.ends):
            for chosen, reach in ((held & out, -1), (held & ~out, into)):
                if chosen:
                    passing = meets(allowed, [Box(reach & self._then.ends, self._everything)])
                    yield chosen, minus(passing, boxes)

    @property
    def _everything(self) -> int:
        return self._scene.universe.ports.everything

    @cached_property
    def _openers(self) -> tuple[int, ...]:
        """By need, who is let through as its source."""
        return tuple(self._scene.let_in(need.source) for need in self._plan.needs)

    @cached_property
    def _let_through(self) -> tuple[Box, ...]:
        """By need, where what lets it through leads."""
        ports, scene = self._scene.universe.ports, self._scene
        return tuple(Box(scene.let_in(need.destination), ports.mask(need.connections)) for need in self._plan.needs)

    def _by_needs(self, sources: int) -> Iterator[tuple[int, list[Box]]]:
        """Yield parts of some sources with where the needs lead that each part has."""
        parts: dict[tuple[int, ...], int] = {(): sources}
        for number, bits in enumerate(self._openers):
            if not bits & sources:
                continue
            split: dict[tuple[int, ...], int] = {}
            for key, held in parts.items():
                for name, some in (((*key, number), held & bits), (key, held & ~bits)):
                    if some:
                        split[name] = split.get(name, 0) | some
            parts = split
        for key, held in parts.items():
            yield held, [self._let_through[number] for number in key]

    def _closed_to_new_pods(self) -> Iterator[Check]:
        """Put to Z3, over all clusters that could exist, that a default denial binds every pod of its namespace.

        What passes is compared with what passes where each such namespace has one policy, about all of its pods, with
        all the rules that its policies have together: then nobody gets through whom no rule there names.
        """
        claim = "pods that do not exist yet get through to or from these namespaces only where a rule there names the other end"
        bound = _bound(self._clusters[1], self._plan.policies)
        if bound is not None:
            yield from self._contained(claim, bound)

    def _contained(self, claim: str, outer: Cluster) -> Iterator[Check]:
        """Yield what Z3 says of the claim that nothing passes with the policies that does not pass in `outer`."""
        found = compare(outer, self._clusters[1], Relation.CONTAINS, timeout_ms=self._plan.timeout_ms)
        if found.outcome is Relates.HOLDS:
            yield Check(claim=claim, holds=True, by=SOLVER)
            return
        for question in found.questions:
            if question.outcome is not Relates.HOLDS:
                witness = question.counterexample.flow if question.counterexample is not None else None
                holds = False if question.outcome is Relates.VIOLATED else None
                yield Check(claim=claim, holds=holds, by=SOLVER, witness=witness, reasons=question.reasons)

    # ---- nothing opens -------------------------------------------------------------------------------------------

    def _nothing_opens(self) -> Check:
        claim = "nothing passes that does not pass today"
        for group, later in _pairs(self._now, self._then, -1):
            found = self._first(
                group.sources & later.sources,
                minus(_parts(later.allowed), (*group.allowed, *group.unknown)),
            )
            if found is not None:
                return self._failed(claim, *found, Verdict.ALLOWED)
        return Check(claim=claim, holds=True, by=SETS)

    def _nothing_could_open(self) -> Iterator[Check]:
        """Yield what Z3 says of every cluster that could exist.

        It says no where a pod could have labels by which one policy isolates it and a suggested one lets more through.
        """
        claim = "nothing opens in any cluster that could exist with these policies"
        otherwise = "a pod could be created that these policies let through and today's do not: it has labels of both"
        for check in self._contained(claim, self._clusters[0]):
            yield check if check.holds else replace(check, binding=False, otherwise=otherwise)

    def _intents(self) -> Iterator[Check]:
        if not self._plan.intents:
            return
        before = verify(self._clusters[0], self._plan.intents, timeout_ms=self._plan.timeout_ms, coverage=False)
        held = {item.intent.name: item.outcome for item in before.results}
        after = verify(self._clusters[1], self._plan.intents, timeout_ms=self._plan.timeout_ms, coverage=False)
        for item in sorted(after.results, key=lambda one: one.intent.name):
            was = held[item.intent.name].value
            change = f" (today: {was})" if was != item.outcome.value else ""
            outcome = {Outcome.HOLDS: True, Outcome.VIOLATED: False, Outcome.UNKNOWN: None}[item.outcome]
            yield Check(
                claim=f"intent `{item.intent.name}` holds{change}",
                holds=outcome,
                by=BOTH if item.proved_for else SETS,
                witness=item.evidence.flow if item.evidence is not None else None,
                reasons=item.reasons,
            )


def _closed(cluster: Cluster, groups: Groups, open_: Open) -> Cluster:
    """Return the cluster where everything that is open is denied in its directions."""
    found = [
        NetworkPolicy(namespace=name, name=f"closed-{direction.value.lower()}", types=(direction,))
        for direction, held in open_.groups.items()
        for name in sorted({groups.groups[number].namespace for number in indexes(held)})
    ]
    together = sorted((*cluster.policies, *found), key=lambda item: (item.namespace, item.name))
    return replace(cluster, policies=tuple(together))


def _bound(cluster: Cluster, policies: Iterable[NetworkPolicy]) -> Cluster | None:
    """Return the cluster with one policy for each namespace and direction that one of `policies` denies by default."""
    denied = {
        (policy.namespace, direction)
        for policy in policies
        if not policy.pod_selector.requirements
        for direction in policy.types
    }
    if not denied:
        return None
    kept: list[NetworkPolicy] = []
    rules: dict[tuple[str, Direction], list[PolicyRule]] = {key: [] for key in denied}
    for policy in cluster.policies:
        for direction in policy.types:
            mine = policy.rules(direction)
            if (policy.namespace, direction) in denied:
                rules[policy.namespace, direction] += mine
            else:
                kept.append(replace(policy, types=(direction,), name=f"{policy.name}-{direction.value.lower()}"))
    for (namespace, direction), held in rules.items():
        inward = direction is Direction.INGRESS
        kept.append(
            NetworkPolicy(
                namespace=namespace,
                name=f"bound-{direction.value.lower()}",
                types=(direction,),
                ingress=tuple(held) if inward else (),
                egress=() if inward else tuple(held),
            )
        )
    return replace(cluster, policies=tuple(sorted(kept, key=lambda item: (item.namespace, item.name))))


def _pairs(one: FlowTable, other: FlowTable, sources: int) -> Iterator[tuple[Group, Group]]:
    """Yield the groups of two tables that have some of the sources in common."""
    for group in one.groups:
        if group.sources & sources & one.ends:
            for later in other.groups:
                if group.sources & later.sources & sources:
                    yield group, later


def _parts(boxes: Iterable[Box]) -> Parts:
    found: Parts = {}
    for box in boxes:
        found[box.mask] = found.get(box.mask, 0) | box.destinations
    return found


def passes_today(scene: Scene, need: Need) -> tuple[bool, bool]:
    """Return whether some flow of a need passes, surely or perhaps, and whether all of its flows surely do."""
    box, sources = scene.box(need), scene.bits(need.source)
    table, some, every = scene.tables[0], False, True
    if not sources or not box.destinations:  # an end of which nothing is loaded
        return True, False
    for group in table.groups:
        chosen = group.sources & sources
        if not chosen:
            continue
        some = some or bool(meets((*group.allowed, *group.unknown), [box]))
        lacking = minus({box.mask: box.destinations}, group.allowed)
        every = every and not any(table.pair(chosen, destinations) for destinations in lacking.values())
    return some, every


def one_way(cluster: Cluster, direction: Direction) -> Cluster:
    """Return the cluster with what its NetworkPolicies say of one direction only."""
    held = (replace(policy, types=(direction,)) for policy in cluster.policies if direction in policy.types)
    return replace(cluster, policies=tuple(held))


def passing_parts(scene: Scene, need: Need) -> Iterator[Need]:
    """Yield the parts of a need that pass today, surely or perhaps: loaded pods and addresses, not labels."""
    box, sources = scene.box(need), scene.bits(need.source)
    if not sources or not box.destinations:  # an end of which nothing is loaded
        yield need
        return
    parts: dict[tuple[int, int], int] = {}
    for group in scene.tables[0].groups:
        chosen = group.sources & sources
        for mask, destinations in meets((*group.allowed, *group.unknown), [box]).items() if chosen else ():
            parts[mask, destinations] = parts.get((mask, destinations), 0) | chosen
    for (mask, destinations), chosen in parts.items():
        yield replace(
            need,
            source=scene.end(need.source, chosen),
            destination=scene.end(need.destination, destinations),
            connections=scene.universe.ports.connections(mask),
        )
