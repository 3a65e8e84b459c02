"""Rules about what reaches what: each claim holds for the oracle, in generated clusters."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest

from netcheck.errors import Place
from netcheck.lint.finding import LintSettings
from netcheck.lint.rules.nc113_internet_block_opens_pods import is_everything
from netcheck.lint.run import lint
from netcheck.lint.wording import port
from netcheck.model.cluster import Loaded
from netcheck.model.flow import AddressEnd, Flow, PodEnd, Verdict
from netcheck.model.policy import Direction, IPBlockPeer, PodPeer, PolicyPort, PolicyRule
from netcheck.model.profile import Switch
from netcheck.semantics.decide import decide
from netcheck.values.labels import LabelSelector
from netcheck.values.ports import Protocol
from tests import strategies

SEEDS = range(160)
PATH = re.compile(r"spec\.(ingress|egress)\[(\d+)\]")
METADATA = "169.254.169.254"


def drawn(seed):
    """Return a generated cluster with places, in which some rules name pods, some all addresses, and some port 80."""
    rng = random.Random(seed)
    plain = strategies.of_seed(seed)
    labels = [pod.labels for pod in plain.pods if pod.labels]
    policies = []
    for number, policy in enumerate(plain.policies):
        rules = [more(rng, labels) for _ in range(rng.randint(0, 2))]
        egress = (*policy.egress, *rules) if Direction.EGRESS in policy.types else ()
        ingress = (*policy.ingress, *rules[:1]) if Direction.INGRESS in policy.types and rng.random() < 0.4 else ()
        policies.append(replace(policy, egress=placed(egress, number), ingress=placed(ingress, number)))
    return replace(plain, policies=tuple(policies))


def more(rng, labels):
    peers = [IPBlockPeer(cidr="0.0.0.0/0"), IPBlockPeer(cidr="0.0.0.0/0", excepts=("10.0.0.0/8",))]
    peers += [PodPeer(pod_selector=LabelSelector.of(found), namespace_selector=LabelSelector()) for found in labels]
    ports = ((), (), (PolicyPort(port=80),), (PolicyPort(port=8080),))
    return PolicyRule(peers=(rng.choice(peers),), ports=rng.choice(ports))


def placed(rules, number):
    """Give every peer a place of its own, so that a finding tells which one it is about."""
    return tuple(
        replace(
            rule,
            peers=tuple(replace(peer, place=Place(f"p{number}", i + 1, j + 1)) for j, peer in enumerate(rule.peers)),
        )
        for i, rule in enumerate(rules)
    )


def found_in(cluster, code):
    return lint(Loaded(cluster=cluster), LintSettings(select=frozenset({code}))).findings


def about(cluster, finding):
    """Return the policy, direction and rule that a finding is about."""
    policy = next(policy for policy in cluster.policies if policy.label == finding.object)
    field, index = PATH.match(finding.message).groups()
    direction = Direction(field.capitalize())
    return policy, direction, policy.rules(direction)[int(index)]


def selected(cluster, policy):
    pods = [pod for pod in cluster.pods if pod.namespace == policy.namespace and not pod.host_network]
    return [pod for pod in pods if policy.pod_selector.matches(pod.labels)]


def named(cluster, policy, peer):
    """Return the pods that a peer certainly matches."""
    pods = [pod for pod in cluster.pods if not pod.host_network]
    if peer.namespace_selector is None:
        pods = [pod for pod in pods if pod.namespace == policy.namespace]
    else:
        spaces = cluster.namespaces
        pods = [pod for pod in pods if peer.namespace_selector.matches(spaces[pod.namespace].labels)]
    return [pod for pod in pods if peer.pod_selector is None or peer.pod_selector.matches(pod.labels)]


def numbers(items, server):
    """Return the (protocol, number) pairs of port items that a pod declares."""
    declared = {(found.protocol, found.number, found.name) for found in server.ports}
    return {
        (protocol, number)
        for protocol, number, name in declared
        for item in items
        if item.protocol == protocol
        and (
            item.port in (name, None)
            or (isinstance(item.port, int) and item.port <= number <= (item.end_port or item.port))
        )
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_no_connection_of_a_one_sided_allow_passes(seed):
    cluster = drawn(seed)
    for finding in found_in(cluster, "NC116"):
        policy, direction, rule = about(cluster, finding)
        peer = next(peer for peer in rule.peers if peer.place == finding.place)
        said = finding.message.partition(", but")[0].rpartition(" on ")[2] if rule.ports else ""
        items = [item for item in rule.ports if f"`{port(item)}`" in said]
        assert items or not rule.ports
        for subject in selected(cluster, policy):
            for other in named(cluster, policy, peer):
                client, server = (subject, other) if direction is Direction.EGRESS else (other, subject)
                ports = numbers(items, server) if rule.ports else {("TCP", 80), ("UDP", 53), ("TCP", 8080)}
                if subject is not other:
                    for protocol, number in ports:
                        flow = Flow(
                            source=PodEnd(client), destination=PodEnd(server), protocol=Protocol(protocol), port=number
                        )
                        assert decide(cluster, flow).verdict is Verdict.DENIED, (finding.message, flow)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_block_opens_is_shut_without_blocks_of_all_addresses(seed):
    cluster = drawn(seed)
    for finding in found_in(cluster, "NC113"):
        policy, direction, _ = about(cluster, finding)
        assert direction is Direction.EGRESS
        assert finding.witness is not None
        fewer = tuple(replace(other, egress=narrow(other.egress)) for other in cluster.policies)
        source = next(pod for pod in cluster.pods if text(pod) == finding.witness.source)
        destination = next(pod for pod in cluster.pods if text(pod) == finding.witness.destination)
        flow = Flow(
            source=PodEnd(source),
            destination=PodEnd(destination),
            protocol=finding.witness.protocol,
            port=finding.witness.port,
        )
        assert decide(cluster, flow).verdict is Verdict.ALLOWED
        assert decide(replace(cluster, policies=fewer), flow).verdict is Verdict.DENIED, finding.message
        assert source in selected(cluster, policy)


def narrow(rules):
    """Return rules without the blocks that hold all addresses of a family; a rule of which nothing is left goes."""
    found = []
    for rule in rules:
        kept = tuple(peer for peer in rule.peers if not (isinstance(peer, IPBlockPeer) and is_everything(peer)))
        if kept or not rule.peers:
            found.append(replace(rule, peers=kept))
    return tuple(found)


def text(pod):
    return str(pod.workload) if pod.template else f"{pod.namespace}/{pod.name}[Pod]"


@pytest.mark.parametrize("seed", SEEDS)
def test_metadata_is_reached_where_it_is_said_to_be(seed):
    cluster = drawn(seed)
    if cluster.opaque or cluster.profile.enforced is Switch.NO:
        return
    told = set()
    for finding in found_in(cluster, "NC130"):
        policy, _, _ = about(cluster, finding)
        told.add(policy.label)
        assert finding.witness is not None
        assert (finding.witness.destination, finding.witness.port) == (METADATA, 80)
    for policy in cluster.policies:
        if (
            policy.label not in told
            and any(is_way(rule) for rule in policy.egress)
            and Direction.EGRESS in policy.types
        ):
            for pod in selected(cluster, policy):
                flow = Flow(source=PodEnd(pod), destination=AddressEnd(METADATA), protocol=Protocol.TCP, port=80)
                verdict = decide(cluster, flow).verdict
                assert verdict is not Verdict.ALLOWED or is_meant(cluster, pod, told), policy.label


def is_way(rule):
    """Return whether a rule holds the metadata service's address by a block of all IPv4 addresses."""
    return any(getattr(peer, "cidr", "") == "0.0.0.0/0" for peer in rule.peers)


def is_meant(cluster, pod, told):
    """Return whether another policy of the pod is told, or says that everything or that very address is meant."""
    policies = [policy for policy in cluster.policies if pod in selected(cluster, policy)]
    rules = [rule for policy in policies for rule in policy.egress if Direction.EGRESS in policy.types]
    aimed = any(getattr(peer, "cidr", "").startswith("169.254.") for rule in rules for peer in rule.peers)
    return aimed or any(policy.label in told for policy in policies) or any(not (r.peers or r.ports) for r in rules)


def test_the_drawn_clusters_have_findings_of_each_rule():
    """Else the tests above would hold for nothing."""
    counted = {code: sum(len(found_in(drawn(seed), code)) for seed in SEEDS) for code in ("NC113", "NC116", "NC130")}
    assert min(counted.values()) >= 3, counted
