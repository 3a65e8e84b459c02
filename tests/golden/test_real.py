"""Traces of real manifests, which are not part of this repository: five requests of each, checked by hand first.

They lie in the folder that NETCHECK_REAL names (`make real REAL=DIR`). What was checked by hand against the manifests is in
the table: whether a request is delivered, and what stops it. `NETCHECK_GOLDEN=rewrite` records the whole outputs.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from netcheck.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
REAL = Path(os.environ.get("NETCHECK_REAL", ROOT.parent / "shared" / "real"))
EXPECTED = Path(__file__).parent / "real"

BOUTIQUE, ARGO = ["online-boutique"], ["argo-cd", "-n", "argocd"]
CASES = {
    # Service frontend-external is a LoadBalancer, 80 -> 8080; policy frontend lets in everybody.
    "boutique-door": ([*BOUTIQUE, "--to", "http://frontend-external.default.svc/"], "delivered", ""),
    # Policy cartservice lets in frontend and checkoutservice on 7070.
    "boutique-cart": (
        [*BOUTIQUE, "--from", "default/frontend", "--to", "grpc://cartservice:7070", "--service", "Cart"],
        "delivered",
        "",
    ),
    # Policy redis-cart lets in cartservice only, on 6379.
    "boutique-redis": (
        [*BOUTIQUE, "--from", "default/cartservice", "--to", "tcp://redis-cart:6379"],
        "delivered",
        "",
    ),
    "boutique-redis-shut": (
        [*BOUTIQUE, "--from", "default/adservice", "--to", "tcp://redis-cart:6379"],
        "not delivered",
        "NetworkPolicy default/redis-cart",
    ),
    # Policy paymentservice lets in checkoutservice only.
    "boutique-payment-shut": (
        [*BOUTIQUE, "--from", "default/frontend", "--to", "grpc://paymentservice:50051"],
        "not delivered",
        "NetworkPolicy default/paymentservice",
    ),
    # Policy argocd-repo-server lets in server, application, notifications and applicationset controllers on 8081.
    "argo-repo": ([*ARGO, "--from", "argocd-server", "--to", "grpc://argocd-repo-server:8081"], "delivered", ""),
    # Policy argocd-redis lets in server, repo-server and application controller on 6379, not dex.
    "argo-redis": ([*ARGO, "--from", "argocd-repo-server", "--to", "tcp://argocd-redis:6379"], "delivered", ""),
    "argo-redis-shut": (
        [*ARGO, "--from", "argocd-dex-server", "--to", "tcp://argocd-redis:6379"],
        "not delivered",
        "NetworkPolicy argocd/argocd-redis-network-policy",
    ),
    # Service argocd-server is a ClusterIP: 443 -> 8080; policy argocd-server lets in everybody, but nothing leads there.
    "argo-outside": (
        [*ARGO, "--to", "https://argocd-server.argocd.svc/"],
        "not delivered",
        "its cluster IP is reached from pods and nodes only",
    ),
    # Policy argocd-dex-server has 5558 (metrics) open to all namespaces, 5556 to argocd-server alone.
    "argo-dex-shut": (
        [*ARGO, "--from", "argocd-redis", "--to", "http://argocd-dex-server:5556/"],
        "not delivered",
        "NetworkPolicy argocd/argocd-dex-server-network-policy",
    ),
}

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="the real manifests are not there (NETCHECK_REAL)")


@pytest.mark.parametrize("name", CASES)
def test_a_request_goes_where_the_manifests_say(name, capsys, monkeypatch):
    words, delivered, stopped_by = CASES[name]
    monkeypatch.chdir(REAL)
    monkeypatch.setenv("COLUMNS", "100")
    code = main(["trace", *words])
    output = capsys.readouterr().out
    assert code == (0 if delivered == "delivered" else 1)
    assert output.startswith(f"{delivered}  ")
    head = " ".join(output.partition("\n\n")[0].split())
    assert stopped_by in head
    path = EXPECTED / f"{name}.txt"
    if os.environ.get("NETCHECK_GOLDEN") == "rewrite":
        path.parent.mkdir(exist_ok=True)
        path.write_text(output, encoding="utf-8")
    assert output == path.read_text(encoding="utf-8")


def test_nothing_is_recorded_that_is_not_compared():
    assert {path.stem for path in EXPECTED.iterdir()} == set(CASES)
