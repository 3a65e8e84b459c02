"""What a rule would write instead: a fix, the flows that it is meant to change, and how these are told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from netcheck.lint.wording import port
from netcheck.model.edits import DropComment, Edit, Operation
from netcheck.model.ignores import IgnoreNote
from netcheck.model.policy import Direction, IPBlockPeer, NetworkPolicy, Peer, PodPeer, PolicyPort, PolicyRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """A change of one file that makes a finding go away.

    Attributes:
        title: what is written, in a few words.
        file: the file that is edited.
        about: label of the object that is edited; empty: only a comment is.
        operations: what is done to the text.
        added: policies that have the effect of the fix if they are added to those before it.
        removed: policies whose effect the fix takes away: added to those after it they bring the state before it back.
        isolates: whether these policies isolate pods that the others leave open.
        is_safe: whether what the author meant is certain; only then `--fix` applies it, once the change is proved.
        edits: the operations as edits of the text, where it was read.
    """

    title: str
    file: str
    about: str = ""
    operations: tuple[Operation, ...]
    added: tuple[NetworkPolicy, ...] = ()
    removed: tuple[NetworkPolicy, ...] = ()
    isolates: bool = False
    is_safe: bool = True
    edits: tuple[Edit, ...] = ()

    @property
    def changes(self) -> str:
        """The flows that it is meant to change, in words."""
        words = ("restricts", "no longer restricts") if self.isolates else ("opens", "closes")
        parts = [
            f"{word} {text}"
            for word, policies in zip(words, (self.added, self.removed), strict=True)
            for policy in policies
            for text in _told(policy)
        ]
        return "; ".join(parts) or "changes no flow"

    @property
    def text(self) -> str:
        """The fix as outputs show it."""
        return f"{self.title} ({'' if self.is_safe else 'unsafe: '}{self.changes})"


def stated(
    policy: NetworkPolicy, direction: Direction, peers: tuple[Peer, ...], ports: tuple[PolicyPort, ...]
) -> NetworkPolicy:
    """Return a policy for the same pods that lets one direction through to some peers on some ports, and no more."""
    return restricted(policy, direction, (PolicyRule(peers=peers, ports=ports),))


def restricted(policy: NetworkPolicy, direction: Direction, rules: tuple[PolicyRule, ...]) -> NetworkPolicy:
    """Return a policy for the same pods that isolates them in one direction, with these rules only."""
    ingress = rules if direction is Direction.INGRESS else ()
    egress = rules if direction is Direction.EGRESS else ()
    return replace(policy, types=(direction,), ingress=ingress, egress=egress)


def without_note(note: IgnoreNote) -> Fix | None:
    """Return the fix that deletes the comment of a note; None for an annotation, which may hold more."""
    if note.object or not note.place.line:
        return None
    return Fix(title="delete the note", file=note.place.file, operations=(DropComment(at=note.place),))


def _told(policy: NetworkPolicy) -> Iterator[str]:
    pods = f"pods `{policy.pod_selector}`" if policy.pod_selector.requirements else "every pod"
    for direction in policy.types:
        rules = policy.rules(direction)
        word = "ingress to" if direction is Direction.INGRESS else "egress of"
        which = f"{word} {pods} of {policy.namespace}"
        yield f"{which} {' and '.join(_rule(rule, direction) for rule in rules)}".rstrip()


def _rule(rule: PolicyRule, direction: Direction) -> str:
    side = "from" if direction is Direction.INGRESS else "to"
    peers = " or ".join(map(_peer, rule.peers)) or "anybody"
    return f"{side} {peers} on {_listed(map(port, rule.ports)) or 'every port'}"


def _peer(peer: Peer) -> str:
    if isinstance(peer, IPBlockPeer):
        return peer.cidr
    assert isinstance(peer, PodPeer)
    spaces = f"namespaces `{peer.namespace_selector}`" if peer.namespace_selector is not None else ""
    pods = f"pods `{peer.pod_selector}`" if peer.pod_selector is not None else ""
    return " of ".join(filter(None, (pods, spaces)))


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(texts)
