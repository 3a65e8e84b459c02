"""Edits that may take part in a repair: of rules that let through what must not pass, and what could let more through.

Each is read off what the intent says: peers become those listed, or all but those that are denied. Whether an edit
helps is for `repair_model` to work out, and whether a repair holds for `verify` to say.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from netcheck.model.cluster import Cluster
from netcheck.model.intents import Closes, Demand, Intent, IntentScope
from netcheck.model.objects import Pod
from netcheck.model.policy import Direction, NetworkPolicy, Peer, PodPeer, PolicyRule
from netcheck.queries.intent_ends import Members
from netcheck.queries.manifests import ports_of
from netcheck.queries.repair_edits import Action, Edit
from netcheck.queries.repair_peers import Speller, Who, connections_of, declared_numbers, ports_within
from netcheck.queries.verify import Asked
from netcheck.values.connections import ConnectionSet
from netcheck.values.labels import LabelSelector

_MOST_NAME = 50
_ALL, _NONE = ConnectionSet.all(), ConnectionSet.none()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What an intent says of the pods at one end, which policies of one direction select.

    Attributes:
        ends: whose pods they are; None: of all that the other end does not list.
        who: the other end; None if no policy can name it.
        listed: only `who` may stay, on `kept`; else `who` must go. On `rest` everybody may stay.
    """

    direction: Direction
    ends: tuple[Members, ...] | None
    who: Who | None
    listed: bool = False
    kept: ConnectionSet = _ALL
    rest: ConnectionSet = _NONE


def views(asked: Asked, speller: Speller, ports: ConnectionSet) -> tuple[View, ...]:
    """Return what a `deny` or `only` says to either end, on the `ports` that it asks about."""
    intent = asked.intent
    sources, destinations = asked.sources.members, asked.destinations.members
    from_whom, to_whom = speller.who(sources), speller.who(destinations)
    into, out = Direction.INGRESS, Direction.EGRESS
    rest = _ALL - ports
    if intent.demand is Demand.DENY:
        return (
            View(direction=into, ends=destinations, who=from_whom, rest=rest),
            View(direction=out, ends=sources, who=to_whom, rest=rest),
        )
    if intent.closes is Closes.TO:
        return (
            View(direction=into, ends=destinations, who=from_whom, listed=True, rest=rest),
            View(direction=out, ends=None, who=to_whom, rest=rest),
        )
    return (
        View(direction=out, ends=sources, who=to_whom, listed=True, kept=ports),
        View(direction=into, ends=None, who=from_whom),
    )


class Candidates:
    """Proposes edits of the policies of one cluster for one intent."""

    def __init__(self, cluster: Cluster, intent: Intent, speller: Speller, spaces: Container[str]) -> None:
        """`spaces` are the namespaces in which policies can be added."""
        self._cluster = cluster
        self._spaces = spaces
        self._intent = intent
        self._speller = speller
        self._numbers = declared_numbers(cluster.pods)

    # ---- what lets through too much ----------------------------------------------------------------------------

    def narrowing(self, view: View, policy: int, index: int) -> Iterator[Edit]:
        """Yield edits of a rule after which it lets through less of what the view forbids."""
        given = self._cluster.policies[policy]
        rule = given.rules(view.direction)[index]
        new = _Maker(policy, view.direction, index, rule)
        yield new.edit(Action.REMOVE_RULE)
        rest = ports_within(rule.ports, view.rest, self._numbers)
        if rest is not None and rest != rule.ports:
            yield new.edit(Action.NARROW_PORTS, rules=(replace(rule, ports=rest),))
        if len(rule.peers) > 1:
            for number in range(len(rule.peers)):
                yield new.edit(Action.REMOVE_PEER, peer=number)
        fitting = self._fitting(view, rule.peers, given.namespace)
        if fitting is None or not fitting or fitting == rule.peers:
            return
        if view.kept == _ALL:
            yield from self._with_peers(view, new, given.namespace, fitting)
        kept = ports_within(rule.ports, view.kept, self._numbers)
        less = replace(rule, peers=fitting, ports=kept) if kept is not None else None
        if less is not None and rest is not None and rest != rule.ports:
            yield new.edit(Action.REPLACE_RULE, rules=(less, replace(rule, ports=rest)))
        elif less is not None and view.kept != _ALL:
            yield new.edit(Action.REPLACE_RULE, rules=(less,))

    def _with_peers(self, view: View, new: _Maker, space: str, fitting: tuple[Peer, ...]) -> Iterator[Edit]:
        if not new.rule.peers:
            yield new.edit(Action.REPLACE_RULE, rules=(replace(new.rule, peers=fitting),))
        for number, peer in enumerate(new.rule.peers):
            less = self._fitting(view, (peer,), space)
            if less and less != (peer,):
                yield new.edit(Action.NARROW_PEER, peer=number, peers=less)

    def _fitting(self, view: View, peers: tuple[Peer, ...], space: str) -> tuple[Peer, ...] | None:
        """Return what of some peers (none: anybody) may stay, as peers that are not none; None if nothing says that."""
        if view.who is None:
            return None
        if view.listed:
            return self._speller.common(peers, space, view.who)
        return self._speller.but(peers, space, view.who)

    def isolating(self, view: View, open_pods: dict[str, set[int]]) -> Iterator[Edit]:
        """Yield policies that close pods which nothing isolates, by namespace, and let through what may stay."""
        for space, chosen in sorted(open_pods.items()):
            fitting = self._fitting(view, (), space) if space in self._spaces else None
            if fitting is None:
                continue
            pods = tuple(peer for peer in fitting if isinstance(peer, PodPeer))
            rest = (PolicyRule(ports=ports_of(view.rest)),) if view.rest else ()
            for peers in dict.fromkeys((fitting, pods)):  # nobody outside is shorter, and closes more
                rules = (PolicyRule(peers=peers, ports=ports_of(view.kept)),) if peers and view.kept else ()
                for selector in self._apart(view.direction, view.ends or (), space, chosen, isolated=True):
                    yield self._new(view.direction, space, selector, (*rules, *rest))

    def _apart(
        self, direction: Direction, ends: Sequence[Members], space: str, chosen: set[int], *, isolated: bool
    ) -> Iterator[LabelSelector]:
        """Yield selectors of pods that leave out those which policies isolate already, or those which none isolates.

        The first would be opened by a policy that is there to close, the others closed by one that is there to open.
        """
        pods = self._cluster.pods
        others = {
            position
            for position, pod in enumerate(pods)
            if pod.namespace == space and position not in chosen and self._is_isolated(pod, direction) is isolated
        }
        found = list(self._selectors(ends, space, chosen))
        exact = [one for one in found if not any(one.matches(pods[position].labels) for position in others)]
        rest = {position for position in chosen if not any(one.matches(pods[position].labels) for one in exact)}
        if rest and (apart := self._speller.apart(rest, others)) is not None:
            yield apart
        elif rest:
            exact = found
        yield from exact

    def _is_isolated(self, pod: Pod, direction: Direction) -> bool:
        return any(
            direction in policy.types and policy.pod_selector.matches(pod.labels)
            for policy in self._cluster.policies
            if policy.namespace == pod.namespace
        )

    def _selectors(self, ends: Sequence[Members], space: str, chosen: set[int]) -> Iterator[LabelSelector]:
        """Yield selectors of some pods of a namespace: the intent's own, and by what the pods have in common."""
        found: dict[LabelSelector, None] = {}
        for item in ends:
            wanted = item.selector
            if wanted is None or (wanted.namespaces is not None and space not in wanted.namespaces):
                continue
            if any(wanted.pods.matches(self._cluster.pods[position].labels) for position in chosen):
                found[wanted.pods] = None
        pods = [self._cluster.pods[position] for position in chosen]
        named = self._speller.selector(space, chosen)
        if named is not None and not any(all(one.matches(pod.labels) for pod in pods) for one in found):
            found[named[0]] = None
        yield from found

    def _new(self, direction: Direction, space: str, selector: LabelSelector, rules: tuple[PolicyRule, ...]) -> Edit:
        inward = direction is Direction.INGRESS
        policy = NetworkPolicy(
            namespace=space,
            name=self._name(direction),
            pod_selector=selector,
            types=(direction,),
            ingress=rules if inward else (),
            egress=() if inward else rules,
        )
        return Edit(action=Action.ADD_POLICY, direction=direction, new=policy)

    def _name(self, direction: Direction) -> str:
        """Return a name for a policy that says what it is for."""
        plain = re.sub(r"[^a-z0-9]+", "-", self._intent.name.lower()).strip("-")[:_MOST_NAME].rstrip("-") or "intent"
        return f"{plain}-{direction.value.lower()}"

    # ---- what lets through too little --------------------------------------------------------------------------

    def widening(self, direction: Direction, ends: Sequence[Members], who: Who, lack: Lack) -> Iterator[Edit]:
        """Yield edits after which pods let through more: a peer, a port or a rule more, or a policy more."""
        for space, chosen in sorted(lack.pods.items()):
            peers = self._speller.peers(who, space)
            if not peers and not who.pods:
                continue
            rule = PolicyRule(peers=peers, ports=ports_of(lack.ports))
            for selector in self._to_open(direction, ends, space, chosen) if space in self._spaces else ():
                yield self._new(direction, space, selector, (rule,))
            for number in lack.policies:
                if self._cluster.policies[number].namespace == space:
                    yield from self._more(number, direction, rule, lack.ports)

    def _to_open(
        self, direction: Direction, ends: Sequence[Members], space: str, chosen: set[int]
    ) -> tuple[LabelSelector, ...]:
        found = list(self._apart(direction, ends, space, chosen, isolated=False))
        if self._intent.scope is IntentScope.ANY_POD:  # pods to come are meant by the intent's own selectors
            found += self._selectors(ends, space, chosen)
        return tuple(dict.fromkeys(found))

    def _more(self, number: int, direction: Direction, wanted: PolicyRule, ports: ConnectionSet) -> Iterator[Edit]:
        policy = self._cluster.policies[number]
        yield Edit(action=Action.ADD_RULE, direction=direction, policy=number, rules=(wanted,), place=policy.place)
        for index, rule in enumerate(policy.rules(direction)):
            new = _Maker(number, direction, index, rule)
            if rule.peers and wanted.peers and ports <= connections_of(rule.ports, self._numbers):
                yield new.edit(Action.ADD_PEER, peers=wanted.peers)
            if rule.ports and wanted.ports:
                yield new.edit(Action.ADD_PORT, ports=wanted.ports)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """Pods (positions, by namespace) that let through too little on some ports, and the policies that isolate them."""

    pods: dict[str, set[int]]
    ports: ConnectionSet
    policies: tuple[int, ...]


class _Maker:
    """Makes edits of one rule."""

    def __init__(self, policy: int, direction: Direction, index: int, rule: PolicyRule) -> None:
        self.rule = rule
        self.edit: Callable[..., Edit] = lambda action, **given: Edit(
            action=action, direction=direction, policy=policy, rule=index, place=rule.place, **given
        )


def by_namespace(cluster: Cluster, positions: Iterable[int]) -> dict[str, set[int]]:
    """Return positions of pods by their namespaces."""
    found: dict[str, set[int]] = defaultdict(set)
    for position in positions:
        found[cluster.pods[position].namespace].add(position)
    return dict(found)


def all_labels(intent: Intent) -> bool:
    """Return whether pods that are named are meant by all of their labels, since others could be created."""
    return intent.scope is IntentScope.ANY_POD
