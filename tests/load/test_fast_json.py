"""The fast path for large JSON gives the same model as the path that keeps places."""

import json
import random
from dataclasses import replace

from netcheck.load import loader
from netcheck.load.documents import read
from netcheck.load.fast_json import FastPod, read_large_json
from netcheck.load.loader import LoadOptions

SEED = 7


def mostly(draw, plain, odd):
    """Return one of the plain choices, or now and then an odd one."""
    return draw.choice(plain if draw.random() < 0.92 else odd)


def a_pod(draw, index):
    labels = mostly(draw, [{"app": "a"}, {"app": "b", "x/y": ""}, {}, None], [{"app": 1}, {"a b": "c"}, {"a": "b c"}])
    port = mostly(
        draw,
        [
            {"containerPort": 80},
            {"containerPort": 80, "name": "http", "protocol": "UDP"},
            {"containerPort": 80, "hostPort": 80},
        ],
        [
            {"containerPort": "80"},
            {"containerPort": 0, "name": "x"},
            {"containerPort": 80, "hostPort": 81},
            {"containerPort": 80.0},
            {},
        ],
    )
    container = {
        "name": mostly(draw, ["c"], ["C", None]), "image": mostly(draw, ["i"], ["", None]),
        "ports": mostly(draw, [None, [], [port]], [[port, port], {}]),
    }  # fmt: skip
    owner = {"kind": "ReplicaSet", "name": "r", "uid": "u", "apiVersion": "apps/v1"}
    sidecar = {"name": "s", "image": "i", "restartPolicy": "Always", "ports": [port]}
    value = {
        "apiVersion": mostly(draw, ["v1"], ["v2"]),
        "kind": mostly(draw, ["Pod"], ["ConfigMap"]),
        "metadata": {
            "name": mostly(draw, [f"p{index}"], ["P", ""]), "namespace": mostly(draw, ["n", None], ["N"]), "labels": labels,
            "annotations": mostly(
                draw,
                [None, {}, {"prometheus.io/scrape": "true", "prometheus.io/port": "9090"}, {"prometheus.io/scrape": "true"}],
                [{"prometheus.io/scrape": "true", "prometheus.io/port": "http"}, {"prometheus.io/scrape": True}],
            ),
            "ownerReferences": mostly(draw, [None, [], [owner]], [[{"name": "r"}]]),
            "deletionTimestamp": draw.choice([None, "2026-01-01T00:00:00Z"]),
        },
        "spec": {
            "containers": mostly(draw, [[container], [container, {"name": "d", "image": "i"}]], [[], None]),
            "hostNetwork": mostly(draw, [None, True, False], ["yes"]), "nodeName": draw.choice([None, "w"]),
            "dnsPolicy": mostly(draw, [None, "ClusterFirst", "None"], ["", "First", 1]),
            "dnsConfig": mostly(
                draw,
                [None, {}, {"nameservers": ["1.1.1.1"], "searches": ["x"], "options": [{"name": "ndots", "value": "2"}]}],
                [{"options": [{"name": "ndots", "value": 2}]}, {"options": [{"name": "ndots"}]}, {"searches": [None]}, []],
            ),
            "hostname": mostly(draw, [None, "h"], ["H", ""]), "subdomain": mostly(draw, [None, "s"], ["s.t"]),
            "initContainers": draw.choice([None, [sidecar]]),
        },
        "status": mostly(
            draw,
            [None, {}, {"phase": "Running", "podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "False"}]},
             {"phase": "Failed"}, {"podIPs": [{"ip": "10.0.0.1"}, {"ip": "FD00::1"}], "hostIP": "1.2.3.4"}],
            [{"podIP": "x"}, {"podIP": "010.0.0.1"}, {"podIP": 3}],
        ),
    }  # fmt: skip
    return {key: part for key, part in value.items() if not (key == "apiVersion" and draw.random() < 0.1)}


def by(path, data):
    run = loader._Loading(LoadOptions())
    found = {}
    for outcome in path(data):
        if isinstance(outcome, FastPod):
            run._add(outcome.identity, outcome, found)
        else:
            run._outcome(outcome, found)
    run.items.update(found)
    return run.finish(["x"])


def test_both_paths_give_the_same_model_for_odd_and_plain_pods():
    draw = random.Random(SEED)
    fast_pods = 0
    for kind in ["List", "PodList"] * 150:
        items = [a_pod(draw, index) for index in range(6)] + [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}
        ]
        data = json.dumps({"apiVersion": "v1", "kind": kind, "items": items}).encode()
        fast = by(lambda given: read_large_json(given, "x.json", "default"), data)
        slow = by(lambda given: read(given, "x.json"), data)
        fast_pods += sum(isinstance(item, FastPod) for item in read_large_json(data, "x.json", "default"))
        assert fast.cluster == slow.cluster
        assert fast.counts == slow.counts
        assert fast.skipped == slow.skipped

        def told(loaded):
            return {(item.severity.value, item.message.split(" first at")[0], item.object) for item in loaded.problems}

        assert told(fast) == told(slow)
    assert fast_pods > 100


def test_large_json_takes_the_fast_path_by_itself(monkeypatch):
    monkeypatch.setattr("netcheck.load.fast_json.LARGE", 10)
    item = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    loaded = loader.load_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [item]}), "x.json")
    assert loaded.cluster.pods[0].place.line == 0
    assert replace(loaded.cluster.pods[0], place=None).namespace == "default"
