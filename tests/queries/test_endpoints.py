"""Endpoints: their ids are unique, their address ranges a partition."""

from __future__ import annotations

import ipaddress

import pytest

from netcheck.engines.sets import SetEngine
from netcheck.load.loader import load_text
from netcheck.queries.endpoints import Resolution, locate
from netcheck.queries.results import EndpointType
from netcheck.values.addresses import IPSet
from tests import strategies

WEB = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}
"""


@pytest.mark.parametrize("resolution", list(Resolution))
def test_a_pod_and_a_deployment_of_one_name_have_two_ids(resolution: Resolution) -> None:
    located = locate(SetEngine(load_text(WEB).cluster).universe, resolution)
    ids = [item.endpoint.id for item in located if item.endpoint.type is EndpointType.WORKLOAD]
    assert len(ids) == len(set(ids)) == 2


@pytest.mark.parametrize("seed", range(60))
def test_ids_are_unique_and_addresses_a_partition(seed: int) -> None:
    cluster = strategies.of_seed(seed, admin=bool(seed % 2))
    for resolution in Resolution:
        located = locate(SetEngine(cluster).universe, resolution)
        ids = [item.endpoint.id for item in located]
        assert len(ids) == len(set(ids))
        union = IPSet.none()
        for item in located:
            held = item.endpoint.addresses
            if held is not None:
                assert not union & held
                union = union | held
        assert union == IPSet.all()


def test_addresses_are_cut_where_rules_cut_and_no_finer() -> None:
    text = (
        WEB
        + """
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: shop}
spec:
  podSelector: {}
  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}]
"""
    )
    located = locate(SetEngine(load_text(text).cluster).universe, Resolution.WORKLOAD)
    parts = [item.endpoint for item in located if item.endpoint.type is EndpointType.IP]
    assert [part.id for part in parts] == ["ip:10.0.0.0/16+7", "ip:rest"]
    block = parts[0].addresses
    assert block is not None
    assert sum(ipaddress.ip_network(cidr).num_addresses for cidr in block.cidrs()) == 2**24 - 2**16
