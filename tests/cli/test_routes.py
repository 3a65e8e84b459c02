"""`netcheck routes`: exit codes, and what it refuses."""

from __future__ import annotations

import pytest

from netcheck.cli.main import main
from tests.cli.running import ROOT

ROUTES = str(ROOT / "testdata" / "routes")
SHOP = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {ports: [{port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  gatewayClassName: public
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{name: BACKEND, port: 80}]}]
"""


@pytest.fixture
def shop(tmp_path):
    def write(backend):
        (tmp_path / "shop.yaml").write_text(SHOP.replace("BACKEND", backend), encoding="utf-8")
        return str(tmp_path)

    return write


@pytest.mark.parametrize(("backend", "code"), [("web", 0), ("absent", 0), ("web, namespace: elsewhere", 4)])
def test_only_what_is_unknown_is_incomplete(shop, backend, code, capsys):
    assert main(["routes", shop(backend)]) == code
    assert "HTTPRoute shop/web" in capsys.readouterr().out


def test_incomplete_may_be_allowed(capsys):
    assert main(["routes", ROUTES]) == 4
    assert main(["routes", ROUTES, "--allow-incomplete"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("service", ["svc:shop/web", "shop/web"])
def test_requests_to_a_service(service, capsys):
    assert main(["routes", ROUTES, "--to", service]) == 0
    assert "Service shop/web" in capsys.readouterr().out


def test_a_service_without_namespace_is_of_the_default_one(capsys):
    assert main(["routes", ROUTES, "--to", "svc:web", "-n", "shop"]) == 0
    assert "Service shop/web" in capsys.readouterr().out


def test_a_service_that_is_not_there_is_refused(capsys):
    assert main(["routes", ROUTES, "--to", "svc:shop/wep"]) == 2
    assert "did you mean `svc:shop/web`?" in capsys.readouterr().err


def test_a_scope(capsys):
    main(["routes", ROUTES, "--exclude-namespace", "infra"])
    out = capsys.readouterr().out
    assert "Gateway infra/edge (class" not in out
    assert "Ingress shop/inner" in out
