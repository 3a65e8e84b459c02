"""An Ingress or Gateway that no controller will pick up.

What it finds: Ingresses without a class where no class is the default, classes of Ingresses and Gateways that do not exist,
and several IngressClasses that are marked as default.
Why it matters: an Ingress of a class that nobody serves is ignored without a word. One without a class is ignored, or taken
by every controller that looks at those. With two defaults the newer one is taken, which manifests do not tell.
When to ignore it: the class is installed with the controller, and the input does not look there.
How it is decided: by the IngressClasses and GatewayClasses in the input, and only if it has some or is known to be whole;
an info if it is not whole and no class has a similar name. The old annotation `kubernetes.io/ingress.class` needs no
object and is not judged.
Source: SEMANTICS ING-2, ING-3, GW-2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netcheck.lint.attached import is_refused
from netcheck.lint.finding import Finding, Related
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import closest, listed
from netcheck.model.gateway import Gateway
from netcheck.model.routes import Ingress, IngressClass

BAD = """
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: k8s.io/ingress-nginx}
---
apiVersion: networking.k8s.io/v1  # finds: NC302
kind: Ingress
metadata: {name: shop, namespace: shop}
spec: {rules: [{host: shop.example.com}]}
---
apiVersion: networking.k8s.io/v1  # finds: NC302
kind: Ingress
metadata: {name: blog, namespace: shop}
spec: {ingressClassName: ngnix, rules: [{host: blog.example.com}]}
"""

BAD_DEFAULTS = """
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx, annotations: {ingressclass.kubernetes.io/is-default-class: "true"}}
spec: {controller: k8s.io/ingress-nginx}
---
apiVersion: networking.k8s.io/v1  # finds: NC302
kind: IngressClass
metadata: {name: traefik, annotations: {ingressclass.kubernetes.io/is-default-class: "true"}}
spec: {controller: traefik.io/ingress-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: example}
spec: {controllerName: example.net/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1  # finds: NC302
kind: Gateway
metadata: {name: gw, namespace: shop}
spec: {gatewayClassName: exmaple, listeners: [{name: web, port: 80, protocol: HTTP}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx, annotations: {ingressclass.kubernetes.io/is-default-class: "true"}}
spec: {controller: k8s.io/ingress-nginx}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, namespace: shop}
spec: {rules: [{host: shop.example.com}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: blog, namespace: shop}
spec: {ingressClassName: nginx, rules: [{host: blog.example.com}]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each Ingress and Gateway without a controller, and for each default class too many."""
    classes = snapshot.cluster.ingress_classes
    defaults = sorted((item for item in classes if item.default), key=lambda item: item.name)
    for other in defaults[1:]:
        yield _defaults(defaults[0], other)
    if classes or snapshot.whole:
        for ingress in snapshot.cluster.ingresses:
            yield from _ingress(snapshot, ingress, bool(defaults))
    if snapshot.cluster.gateway_classes or snapshot.whole:
        names = [item.name for item in snapshot.cluster.gateway_classes]
        for gateway in snapshot.cluster.gateways:
            name = gateway.class_name
            if name not in names and not is_refused(snapshot, f"GatewayClass {name}"):
                yield _unknown(snapshot, gateway, name, names)


def _defaults(first: IngressClass, other: IngressClass) -> Finding:
    return RULE.finding(
        f"IngressClass `{first.name}` is marked as the default too: an Ingress without a class gets the one that was created "
        "last",
        about=f"IngressClass {other.name}",
        place=other.place,
        related=(Related(message="is the other default", place=first.place, object=f"IngressClass {first.name}"),),
        hint="mark one of them only",
    )


def _ingress(snapshot: Snapshot, ingress: Ingress, has_default: bool) -> Iterator[Finding]:
    names = [item.name for item in snapshot.cluster.ingress_classes]
    if ingress.class_annotation or is_refused(snapshot, f"IngressClass {ingress.class_name}"):
        return
    if ingress.class_name and ingress.class_name not in names:
        yield _unknown(snapshot, ingress, ingress.class_name, names)
    if not ingress.class_name and not has_default:
        yield RULE.finding(
            "names no class, and no IngressClass is the default: it is ignored, or taken by every controller that looks at "
            "Ingresses without one",
            about=ingress.label,
            place=ingress.place,
            hint=f"set ingressClassName; the classes are {listed(names)}" if names else "set ingressClassName",
        )


def _unknown(snapshot: Snapshot, item: Ingress | Gateway, name: str, names: Sequence[str]) -> Finding:
    kind = "GatewayClass" if isinstance(item, Gateway) else "IngressClass"
    close = closest(name, names)
    certain = bool(close) or snapshot.whole
    has = f"those of the input are {listed(names)}" if names else f"the input has no {kind}"
    missing, nobody = ("does not exist", "no") if certain else ("is not in the input", "perhaps no")
    return RULE.finding(
        f"{kind} `{name}` {missing}, {has}: {nobody} controller serves the {item.label.partition(' ')[0]}",
        about=item.label,
        place=item.place,
        severity="warning" if certain else "info",
        hint=f"did you mean `{close}`?" if close else "",
    )


def is_used(snapshot: Snapshot) -> bool:
    """Return whether an Ingress, an IngressClass or a Gateway was read."""
    cluster = snapshot.cluster
    return bool(cluster.ingresses or cluster.ingress_classes or cluster.gateways)


RULE = Rule(
    code="NC302",
    name="no-controller",
    severity="warning",
    basis="syntactic",
    summary="An Ingress or Gateway that no controller will pick up",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=is_used,
    bad=(BAD, BAD_DEFAULTS),
    good=(GOOD,),
)
