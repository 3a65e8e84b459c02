"""Running the command line in this process, as a user would run it in another."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from netcheck.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
QUICKSTART = str(ROOT / "testdata" / "quickstart")


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@dataclass(frozen=True)
class Runner:
    capture: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    def __call__(self, *arguments, stdin=""):
        self.patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        self.capture.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = self.capture.readouterr()
        assert "Traceback" not in captured.err or "--debug" in arguments
        return Done(code, captured.out, captured.err)


POD = """
apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: %s, labels: {app: %s}}
spec: {containers: [{name: c, image: i, ports: [{containerPort: 80}]}]}
---
"""
CLOSED = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: a}
spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]}
---
"""
PARTLY_IN_A_BLOCK = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: partly, namespace: a}
spec: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/16}}]}]}
---
"""
NAMESPACE = """
apiVersion: v1
kind: Namespace
metadata: {name: a}
---
"""
TWO_PODS = NAMESPACE + POD % ("web", "a", "web") + POD % ("db", "a", "db")
BROKEN = "apiVersion: v1\nkind: Pod\nmetadata: [\n---\n"
NOT_MODELLED = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: c, namespace: a}
spec: {endpointSelector: {matchLabels: {app: db}}, ingress: [{}]}
---
"""
