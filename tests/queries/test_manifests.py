"""The text of a NetworkPolicy is read back as the same policy."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from netcheck.load.loader import load_text
from netcheck.model.policy import Direction, IPBlockPeer, NetworkPolicy, PodPeer, PolicyPort, PolicyRule
from netcheck.queries.manifests import network_policy_text
from netcheck.report.policy_yaml import policy_yaml
from netcheck.values.labels import LabelSelector, Operator, Requirement

words = st.sampled_from(["app", "true", "y", "null", "1", "a.b/c", "tier", "x-y_z", "0x1f", "1e3"])
requirements = st.one_of(
    st.builds(
        lambda key, operator, values: Requirement(key, operator, tuple(sorted(values))),
        words,
        st.sampled_from([Operator.IN, Operator.NOT_IN]),
        st.sets(st.sampled_from(["", "yes", "web", "1.0", "db"]), min_size=1),
    ),
    st.builds(Requirement, words, st.sampled_from([Operator.EXISTS, Operator.DOES_NOT_EXIST])),
)
selectors = st.builds(lambda found: LabelSelector.of({}, found), st.lists(requirements, max_size=3))
peers = st.one_of(
    st.builds(lambda pods, spaces: PodPeer(pod_selector=pods, namespace_selector=spaces), selectors, selectors),
    st.builds(lambda pods: PodPeer(pod_selector=pods), selectors),
    st.just(IPBlockPeer(cidr="10.0.0.0/8", excepts=("10.1.0.0/16",))),
    st.just(IPBlockPeer(cidr="::/0")),
)
ports = st.sampled_from(
    [
        PolicyPort(protocol="TCP", port=80),
        PolicyPort(protocol="UDP"),
        PolicyPort(protocol="TCP", port="http"),
        PolicyPort(protocol="SCTP", port=1, end_port=65535),
    ]
)
rules = st.builds(
    lambda found, held: PolicyRule(peers=tuple(found), ports=tuple(held)),
    st.lists(peers, max_size=2),
    st.lists(ports, max_size=2),
)


@settings(deadline=None)
@given(selectors, st.lists(rules, max_size=2), st.lists(rules, max_size=2), st.sets(st.sampled_from(Direction)))
def test_what_is_written_is_read_back(
    selector: LabelSelector, ingress: list[PolicyRule], egress: list[PolicyRule], types: set[Direction]
) -> None:
    kinds = types | ({Direction.INGRESS} if ingress or not types else set()) | ({Direction.EGRESS} if egress else set())
    policy = NetworkPolicy(
        namespace="shop",
        name="web",
        pod_selector=selector,
        types=tuple(item for item in Direction if item in kinds),
        ingress=tuple(ingress),
        egress=tuple(egress),
    )
    loaded = load_text(network_policy_text(policy))
    assert loaded.cluster.policies == (policy,)


def test_comments_stand_above_the_policy() -> None:
    text = policy_yaml(NetworkPolicy(namespace="shop", name="web"), ("why:", "two\nlines", ""))
    assert text.startswith("# why:\n# two\n# lines\n#\napiVersion: networking.k8s.io/v1\n")
    assert "ingress" not in text
