"""What policies of unknown effect may read besides pods, namespaces, nodes and Services."""

from __future__ import annotations

import pytest

from netcheck.load.capture import Capture
from netcheck.load.companions import companions
from netcheck.load.loader import load_text
from netcheck.model.cluster import Unread
from netcheck.model.policy import OpaquePolicy, PolicyFamily

CALICO = """
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: all, labels: {helm.sh/chart: x-1}}
spec: {serviceAccountSelector: role == 'reader', types: [Ingress]}
---
"""


def of(text):
    return {item.label: item.text for item in load_text(text).cluster.companions}


def manifest(api_version, kind, name="one", more=""):
    return f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: {name}{more}}}\n---\n"


@pytest.mark.parametrize(
    ("other", "labels"),
    [
        (manifest("projectcalico.org/v3", "GlobalNetworkSet"), {"GlobalNetworkSet one"}),
        (manifest("crd.projectcalico.org/v1", "Tier"), {"Tier one"}),
        (manifest("cilium.io/v2", "CiliumCIDRGroup"), set()),  # nothing of Cilium is there that reads it
        (manifest("projectcalico.org/v3", "StagedNetworkPolicy"), set()),  # CAL-1
        (manifest("v1", "ServiceAccount", more=", labels: {role: reader}"), {"ServiceAccount default/one"}),
        (manifest("v1", "ServiceAccount", more=", labels: {helm.sh/chart: x-2}"), set()),
        (manifest("v1", "ConfigMap", "calico-config"), {"ConfigMap default/calico-config"}),
        (manifest("v1", "ConfigMap", "mine"), set()),
        (manifest("v1", "Namespace", more=", annotations: {linkerd.io/inject: enabled}"), {"Namespace one"}),
        (manifest("v1", "Namespace"), set()),
    ],
)
def test_what_is_kept_beside_policies_of_calico(other, labels):
    assert set(of(CALICO + other)) == labels


def test_nothing_is_kept_without_such_policies():
    assert not of(manifest("projectcalico.org/v3", "GlobalNetworkSet") + manifest("v1", "ConfigMap", "calico-config"))


def test_a_policy_is_written_alike_wherever_it_is_read():
    live = CALICO.replace("labels: {helm.sh/chart: x-1}", 'labels: {helm.sh/chart: x-2}, uid: a, resourceVersion: "7"')
    texts = {load_text(text).cluster.opaque[0].text for text in (CALICO, live, "\n# a comment\n" + CALICO)}
    assert len(texts) == 1
    assert load_text(CALICO.replace("reader", "writer")).cluster.opaque[0].text not in texts


def test_what_reading_a_cluster_leaves_out_is_the_same_in_one_reading_only():
    policy = OpaquePolicy(
        kind="NetworkPolicy",
        namespace="x",
        name="y",
        directions=(),
        family=PolicyFamily.CALICO,
        text="serviceAccountSelector",
    )
    one, other = Capture(origin="cluster:a"), Capture(origin="cluster:a")
    assert companions([], [policy], [one]) == companions([], [policy], [one])
    assert companions([], [policy], [one]) != companions([], [policy], [other])


def test_what_no_policy_names_need_not_be_read_of_a_cluster():
    policy = OpaquePolicy(
        kind="CiliumNetworkPolicy",
        namespace="x",
        name="y",
        directions=(),
        family=PolicyFamily.CILIUM,
        text="toEndpoints",
    )
    assert not companions([], [policy], [Capture(origin="cluster:a")])


def test_sets_of_addresses_are_read_of_a_cluster_and_may_be_forbidden():
    policy = OpaquePolicy(
        kind="CiliumNetworkPolicy",
        namespace="x",
        name="y",
        directions=(),
        family=PolicyFamily.CILIUM,
        text="cidrGroupRef",
    )
    unread = Unread(group="cilium.io", kind="CiliumCIDRGroup", plural="ciliumcidrgroups", denied=True)
    whole, part, again = (Capture(origin="cluster:a", unread=found) for found in ((), (unread,), (unread,)))
    assert companions([], [policy], [whole]) == ()
    assert companions([], [policy], [part]) != companions([], [policy], [again])
