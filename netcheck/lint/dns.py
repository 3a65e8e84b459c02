"""Whether pods that are isolated for egress can ask the cluster's DNS (SEMANTICS section 5).

Where the DNS pods are loaded the engine decides about them, on the port that their Service translates to. Elsewhere the
rules are read: could any of them let a query through to something that may be a DNS server?
"""

from __future__ import annotations

from functools import cached_property

from netcheck.lint.reading import block, holds
from netcheck.lint.snapshot import Snapshot, Subjects
from netcheck.model.policy import IPBlockPeer, NetworkPolicy, Peer, PodPeer, PolicyPort, PolicyRule
from netcheck.model.profile import PRIVATE_V4, PRIVATE_V6, Switch
from netcheck.queries.cluster_dns import HOMES, OPENSHIFT_LABEL, DnsServer, dns_servers, has_node_local
from netcheck.values.addresses import IPSet
from netcheck.values.ports import Protocol

_LABELS = (
    {"k8s-app": "kube-dns", "app.kubernetes.io/name": "coredns"},
    {"k8s-app": "coredns"},
    {OPENSHIFT_LABEL: "default"},
)
_DNS_PORTS = (53, 5353)
_LINK_LOCAL = IPSet.of_cidrs("169.254.0.0/16")
_PRIVATE = IPSet.of_cidrs(*PRIVATE_V4, *PRIVATE_V6, "100.64.0.0/10", "169.254.0.0/16")


class Dns:
    """What is known of the cluster's DNS, and who can ask it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._cluster = snapshot.cluster

    def servers(self, protocol: Protocol) -> tuple[DnsServer, ...]:
        """Return the loaded DNS pods with the port for a protocol; none where DNS is not loaded."""
        return self._servers[protocol]

    @cached_property
    def _servers(self) -> dict[Protocol, tuple[DnsServer, ...]]:
        return {protocol: dns_servers(self._cluster, protocol) for protocol in (Protocol.UDP, Protocol.TCP)}

    @cached_property
    def pods(self) -> frozenset[int]:
        """The loaded DNS pods."""
        return frozenset(server.pod for servers in self._servers.values() for server in servers)

    @cached_property
    def is_loaded(self) -> bool:
        """Whether any DNS pod is loaded."""
        return bool(self.pods)

    @cached_property
    def has_node_local(self) -> bool:
        """Whether NodeLocal DNSCache is loaded (DNS-10)."""
        return has_node_local(self._cluster)

    def can_ask(self, subjects: Subjects, protocol: Protocol) -> bool:
        """Return whether the subjects may send DNS queries in a protocol; False only where that is certain."""
        if self.is_loaded:
            return self._reaches_servers(subjects, protocol) or self._asks_elsewhere(subjects, protocol)
        return any(self._could_ask(policy, rule, protocol) for policy in subjects.policies for rule in policy.egress)

    def _reaches_servers(self, subjects: Subjects, protocol: Protocol) -> bool:
        snapshot = self._snapshot
        return any(
            snapshot.may_pass(subjects, 1 << snapshot.element(server.pod), protocol, server.port)
            for server in self.servers(protocol)
        )

    def _asks_elsewhere(self, subjects: Subjects, protocol: Protocol) -> bool:
        """Return whether NodeLocal DNSCache or a server outside the cluster may be asked (DNS-7, DNS-10)."""
        if self.has_node_local and self._cluster.profile.own_node_egress is not Switch.NO:
            return True
        return any(
            _is_query(item, protocol) and (block(peer) & _LINK_LOCAL == block(peer) or not block(peer) <= _PRIVATE)
            for policy in subjects.policies
            for rule in policy.egress
            for peer in rule.peers
            if isinstance(peer, IPBlockPeer)
            for item in rule.ports
        )

    def _could_ask(self, policy: NetworkPolicy, rule: PolicyRule, protocol: Protocol) -> bool:
        if any(_is_query(item, protocol) for item in rule.ports):
            return not rule.peers or any(not self._misses_dns(policy, peer) for peer in rule.peers)
        if rule.ports and not any(holds(item, protocol.value, 53) for item in rule.ports):
            return False
        return not rule.peers or any(self._may_be_dns(policy, peer) for peer in rule.peers)

    @staticmethod
    def _misses_dns(policy: NetworkPolicy, peer: Peer) -> bool:
        """Return whether a peer means the cluster's DNS pods but looks for them in the policy's own namespace."""
        if not isinstance(peer, PodPeer) or peer.namespace_selector is not None or policy.namespace in HOMES:
            return False
        selector = peer.pod_selector
        return bool(selector and selector.requirements) and any(map(selector.matches, _LABELS))  # type: ignore[union-attr]

    def _may_be_dns(self, policy: NetworkPolicy, peer: Peer) -> bool:
        """Return whether a peer that names no DNS port may hold a DNS server."""
        if isinstance(peer, IPBlockPeer):
            return bool(block(peer))
        if peer.pod_selector is not None and not any(map(peer.pod_selector.matches, _LABELS)):
            return False
        if peer.namespace_selector is None:
            return policy.namespace in HOMES
        selector = peer.namespace_selector
        return any(self._snapshot.may_match(name, selector) for name in HOMES)


def _is_query(item: PolicyPort, protocol: Protocol) -> bool:
    """Return whether a port item names DNS: 53, 5353, or a port with `dns` in its name."""
    if item.protocol != protocol.value or item.end_port is not None:
        return False
    return "dns" in item.port if isinstance(item.port, str) else item.port in _DNS_PORTS


def names_dns(item: PolicyPort) -> bool:
    """Return whether a port item names DNS in some protocol."""
    return any(_is_query(item, protocol) for protocol in (Protocol.UDP, Protocol.TCP))


def needs_names(policies: tuple[NetworkPolicy, ...]) -> bool:
    """Return whether the egress rules allow more than single addresses, so that their users look names up."""
    return any(
        not rule.peers
        or any(isinstance(peer, PodPeer) or not peer.cidr.endswith(("/32", "/128")) for peer in rule.peers)
        for policy in policies
        for rule in policy.egress
    )
