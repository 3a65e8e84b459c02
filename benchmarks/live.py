"""A large cluster behind an API server: read and linted, seconds and memory.

`python -m benchmarks.live --pods 10000 --policies 1000 --services 2000` starts the server of the tests in a process of
its own and runs `netcheck lint cluster:` on it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.live.clusters import namespace, node, pod, policy, service
from tests.live.server import Documents, Server, kubeconfig

PER_NAMESPACE = 100
FILLER = {"f:metadata": {"f:labels": {f"f:key-{number}": {} for number in range(30)}}}


def large(pods: int, policies: int, services: int) -> Documents:
    """Return a cluster of namespaces with 100 pods each, objects as large as those of real clusters."""
    spaces = [f"team-{number:04d}" for number in range(max(1, pods // PER_NAMESPACE))]
    found = [
        _padded(pod(spaces[n % len(spaces)], f"app-{n % 40}-7d4b9c-{n:05x}", _address(n), f"app-{n % 40}"))
        for n in range(pods)
    ]
    rules = [
        policy(spaces[n % len(spaces)], f"allow-{n}", f"app-{n % 40}", f"app-{n * 7 % 40}") for n in range(policies)
    ]
    doors = [service(spaces[n % len(spaces)], f"svc-{n}", f"app-{n % 40}") for n in range(services)]
    slices = [_slice(item) for item in doors]
    nodes = [node(f"n{number}", f"172.16.{number // 250}.{number % 250 + 1}") for number in range(max(2, pods // 100))]
    return (
        Documents()
        .add("v1", "namespaces", "Namespace", [namespace(name) for name in spaces], namespaced=False)
        .add("v1", "nodes", "Node", nodes, namespaced=False)
        .add("v1", "pods", "Pod", found)
        .add("v1", "services", "Service", doors)
        .add("discovery.k8s.io/v1", "endpointslices", "EndpointSlice", slices)
        .add("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", rules)
    )


def _address(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _padded(value: dict[str, Any]) -> dict[str, Any]:
    """Return a pod with what real ones carry along: managed fields, environment, volumes."""
    value["metadata"]["managedFields"] = [{"manager": "kubelet", "fieldsV1": FILLER} for _ in range(2)]
    value["spec"]["containers"][0]["env"] = [{"name": f"KEY_{n}", "value": "x" * 30} for n in range(20)]
    value["spec"]["volumes"] = [{"name": f"v{n}", "configMap": {"name": f"c{n}"}} for n in range(4)]
    return value


def _slice(door: dict[str, Any]) -> dict[str, Any]:
    metadata = {**door["metadata"], "labels": {"kubernetes.io/service-name": door["metadata"]["name"]}}
    return {"metadata": metadata, "addressType": "IPv4", "endpoints": [], "ports": [{"port": 80, "protocol": "TCP"}]}


def _serve(arguments: argparse.Namespace, folder: str) -> None:
    server = Server(large(arguments.pods, arguments.policies, arguments.services).answer)
    kubeconfig(Path(folder), {"large": server.url})
    while True:
        time.sleep(60)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser()
    for name, default in (("pods", 10_000), ("policies", 1_000), ("services", 2_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--command", default="lint")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = multiprocessing.Process(target=_serve, args=(arguments, folder), daemon=True)
        server.start()
        config = Path(folder, "kubeconfig")
        while not config.exists():
            time.sleep(0.2)
        started = time.monotonic()
        program = "from netcheck.cli.main import run; run()"
        command = [sys.executable, "-c", program, arguments.command, "cluster:", "--kubeconfig", str(config)]
        child = subprocess.Popen([*command, "-o", f"json={os.devnull}", "-q"], stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.monotonic() - started
        server.terminate()
        print(
            f"{arguments.command}: exit {os.waitstatus_to_exitcode(status)}, {seconds:.1f} s wall, "
            f"{used.ru_utime + used.ru_stime:.1f} s CPU, {used.ru_maxrss / 1024:.0f} MB"
        )


if __name__ == "__main__":
    main()
