"""The checks bite: each finds a planted difference, and none where there is none."""

from __future__ import annotations

import pytest

from tests.conformance_status.checks import Document, check

ACCEPTED = {"type": "Accepted", "status": "True", "reason": "Accepted"}
RESOLVED = {"type": "ResolvedRefs", "status": "True", "reason": "ResolvedRefs"}
KIND = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}
GATEWAY = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "infra", "name": "edge"}
LISTENER = {"name": "http", "supportedKinds": [KIND], "attachedRoutes": 1, "conditions": [ACCEPTED]}
DOCUMENT = Document(
    {
        "gateways": [
            {
                "namespace": "infra",
                "name": "edge",
                "conditions": [ACCEPTED],
                "attachedListenerSets": 1,
                "listeners": [LISTENER],
            }
        ],
        "listenerSets": [{"namespace": "infra", "name": "more", "conditions": [ACCEPTED], "listeners": [LISTENER]}],
        "routes": [
            {
                "kind": "HTTPRoute",
                "namespace": "shop",
                "name": "web",
                "parents": [{"parentRef": GATEWAY, "conditions": [ACCEPTED, RESOLVED], "listeners": ["http"]}],
            }
        ],
        "backendTLSPolicies": [
            {"namespace": "shop", "name": "tls", "ancestors": [{"ancestorRef": GATEWAY, "conditions": [ACCEPTED]}]}
        ],
    }
)
REFUSED = {"type": "Accepted", "status": "False", "reason": "NotAllowed"}
CASES = [
    ("accepted", [{"gateway": "infra/edge", "listeners": ["http"]}, "HTTPRoute", ["shop/web"]], True),
    ("accepted", [{"gateway": "infra/edge", "listeners": ["https"]}, "HTTPRoute", ["shop/web"]], False),
    ("accepted", [{"gateway": "infra/edge"}, "HTTPRoute", ["shop/absent"]], False),
    ("accepted-by", [{"Namespace": "infra", "Name": "edge"}, "HTTPRoute", ["shop/web"]], True),
    ("HTTPRouteMustHaveCondition", ["shop/web", "infra/edge", ACCEPTED], True),
    ("HTTPRouteMustHaveCondition", ["shop/web", "infra/edge", REFUSED], False),
    ("HTTPRouteMustHaveResolvedRefsConditionsTrue", ["shop/web", "infra/edge"], True),
    ("HTTPRouteMustHaveNoAcceptedParents", ["shop/web"], False),
    ("HTTPRouteMustHaveParents", ["shop/web", [{"parentRef": GATEWAY, "conditions": [ACCEPTED]}], True], True),
    ("HTTPRouteMustHaveParents", ["shop/web", [], True], False),
    ("TLSRouteMustHaveLatestConditions", ["shop/web"], False),
    ("GatewayMustHaveCondition", ["infra/edge", ACCEPTED], True),
    ("GatewayMustHaveZeroRoutes", ["infra/edge"], False),
    ("GatewayMustHaveAttachedListeners", ["infra/edge", 1], True),
    ("GatewayMustHaveAttachedListeners", ["infra/edge", 0], False),
    ("GatewayStatusMustHaveListeners", ["infra/edge", [LISTENER]], True),
    ("GatewayStatusMustHaveListeners", ["infra/edge", [{**LISTENER, "attachedRoutes": 2}]], False),
    ("GatewayStatusMustHaveListeners", ["infra/edge", [{**LISTENER, "name": "other"}]], False),
    ("GatewayListenerMustHaveConditions", ["infra/edge", "http", [{"type": "Accepted", "status": "True"}]], True),
    ("GatewayListenersMustHaveConditions", ["infra/edge", [ACCEPTED]], True),
    ("GatewayListenersMustHaveConditions", ["infra/edge", [REFUSED], "http"], False),
    ("GatewayListenerMustHaveAttachedRoutes", ["infra/edge", "http", 2], False),
    ("GatewayListenerMustNotHaveCondition", ["infra/edge", "http", "Accepted"], False),
    ("GatewayListenerMustNotHaveCondition", ["infra/edge", "http", "Conflicted"], True),
    ("ListenerSetListenersMustHaveConditions", ["infra/more", [REFUSED], "http"], False),
    ("ListenerSetMustHaveCondition", ["infra/more", ACCEPTED], True),
    ("BackendTLSPolicyMustHaveAcceptedConditionTrue", ["shop/tls", "infra/edge"], True),
    ("BackendTLSPolicyMustHaveCondition", ["shop/tls", "infra/other", ACCEPTED], False),
]


@pytest.mark.parametrize(("name", "arguments", "agrees"), CASES)
def test_a_check_finds_what_differs(name, arguments, agrees):
    assert (check(DOCUMENT, name, arguments) == []) is agrees
