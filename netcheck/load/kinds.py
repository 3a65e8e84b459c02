"""The closed table of kinds: what netcheck does with each, and whether it lies in a namespace.

`python -m netcheck.load.kinds` prints the table as Markdown; `docs/kinds.md` is that text (a test holds it).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Treatment(Enum):
    """What loading does with the objects of a kind."""

    POLICY = "modelled: NetworkPolicy"
    ADMIN = "modelled: admin policy"
    POD = "modelled: a pod"
    WORKLOAD = "modelled: its pods"
    OBJECT = "modelled"
    ROUTE = "modelled: trace, exposure, routes and lint follow it; L3/L4 verdicts do not depend on it"
    CALLER = "read: exposure and lint know the calls that it makes the API server or Prometheus do"
    MATERIAL = "read: whether it holds a key pair or certificates, never which"
    MESH = "read; routes do not change L3/L4 verdicts; trace names it and does not follow it"
    HARMLESS = "harmless: changes no verdict"
    OPAQUE = "not modelled: verdicts that it can change are unknown"
    FILE = "not a cluster object: skipped"


class NameRule(Enum):
    """The syntax of `metadata.name`."""

    SUBDOMAIN = "subdomain"
    LABEL = "label"
    SERVICE = "service"
    SEGMENT = "segment"
    ANY = "any"


class Concerns(Enum):
    """Which direction of which pods a policy that is not modelled may change."""

    NOTHING = ""
    BOTH = "ingress and egress"
    INGRESS = "ingress"
    EGRESS = "egress"
    BY_RULES = "the directions of its rules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A row of the table.

    Attributes:
        template: path to the pod template of a workload.
        subject: how the pods that an opaque policy selects are named (see `opaque`), or empty: all in its scope.
        effect: what an opaque kind may do, in words.
        versions: those served by Kubernetes 1.30 to 1.36; empty: any.
    """

    group: str
    kind: str
    treatment: Treatment = Treatment.HARMLESS
    namespaced: bool = True
    name_rule: NameRule = NameRule.SUBDOMAIN
    template: tuple[str, ...] = ()
    subject: str = ""
    concerns: Concerns = Concerns.NOTHING
    effect: str = ""
    versions: tuple[str, ...] = ()


_T, _N = Treatment, NameRule
_NET, _ADMIN = "networking.k8s.io", "policy.networking.k8s.io"
_SPEC_TEMPLATE = ("spec", "template")


def _workload(group: str, kind: str, *template: str, versions: tuple[str, ...] = ("v1",)) -> Kind:
    path = template or _SPEC_TEMPLATE
    return Kind(group=group, kind=kind, treatment=_T.WORKLOAD, template=path, versions=versions)


def _opaque(
    group: str,
    kind: str,
    effect: str,
    *,
    concerns: Concerns = Concerns.BOTH,
    subject: str = "",
    namespaced: bool = True,
) -> Kind:
    return Kind(
        group=group,
        kind=kind,
        treatment=_T.OPAQUE,
        namespaced=namespaced,
        subject=subject,
        concerns=concerns,
        effect=effect,
    )


def _route(
    group: str, *kinds: str, versions: tuple[str, ...] = (), treatment: Treatment = Treatment.ROUTE
) -> list[Kind]:
    cluster = {"GatewayClass", "IngressClass"}
    return [
        Kind(group=group, kind=kind, treatment=treatment, namespaced=kind not in cluster, versions=versions)
        for kind in kinds
    ]


def _callers(group: str, kinds: str, *, namespaced: bool = False) -> list[Kind]:
    return [Kind(group=group, kind=kind, treatment=_T.CALLER, namespaced=namespaced) for kind in kinds.split()]


def _harmless(group: str, kinds: str, *, namespaced: bool = True, name_rule: NameRule = _N.SUBDOMAIN) -> list[Kind]:
    return [Kind(group=group, kind=kind, namespaced=namespaced, name_rule=name_rule) for kind in kinds.split()]


_CALICO_EFFECT = "may allow or deny by tier and order (CAL-2)"
_CILIUM_EFFECT = "may isolate, allow or deny (CIL-1)"
_CLOUD_EFFECT = "may allow or deny, as its cloud defines it (CNI-1)"
_ANTREA_EFFECT = "may allow or deny by tier and priority (ANT-1)"
_CALICO_GROUPS = ("projectcalico.org", "crd.projectcalico.org")

KINDS: tuple[Kind, ...] = (
    Kind(group=_NET, kind="NetworkPolicy", treatment=_T.POLICY, versions=("v1",)),
    *(
        Kind(group=_ADMIN, kind=kind, treatment=_T.ADMIN, namespaced=False)
        for kind in ("AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "ClusterNetworkPolicy")
    ),
    Kind(group="", kind="Pod", treatment=_T.POD, versions=("v1",)),
    _workload("apps", "Deployment"),
    _workload("apps", "StatefulSet"),
    _workload("apps", "DaemonSet"),
    _workload("apps", "ReplicaSet"),
    _workload("", "ReplicationController"),
    _workload("batch", "Job"),
    _workload("batch", "CronJob", "spec", "jobTemplate", "spec", "template"),
    _workload("argoproj.io", "Rollout", versions=()),
    _workload("apps.openshift.io", "DeploymentConfig", versions=()),
    _workload("kubevirt.io", "VirtualMachine", versions=()),
    Kind(group="", kind="Namespace", treatment=_T.OBJECT, namespaced=False, name_rule=_N.LABEL, versions=("v1",)),
    Kind(group="", kind="Node", treatment=_T.OBJECT, namespaced=False, versions=("v1",)),
    Kind(group="", kind="Service", treatment=_T.OBJECT, name_rule=_N.SERVICE, versions=("v1",)),
    Kind(group="", kind="Endpoints", treatment=_T.OBJECT, versions=("v1",)),
    Kind(group="discovery.k8s.io", kind="EndpointSlice", treatment=_T.OBJECT, versions=("v1",)),
    Kind(group="autoscaling", kind="HorizontalPodAutoscaler", treatment=_T.OBJECT, versions=("v1", "v2")),
    *_route(_NET, "Ingress", "IngressClass", versions=("v1",)),
    *_route(
        "gateway.networking.k8s.io", "GatewayClass", "Gateway", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute",
        "ReferenceGrant", "BackendTLSPolicy", "ListenerSet",
    ),
    *_route("gateway.networking.x-k8s.io", "XListenerSet"),
    *_route("route.openshift.io", "Route"),
    *_route(
        "networking.istio.io", "VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "Sidecar", "WorkloadEntry",
        "EnvoyFilter", treatment=_T.MESH,
    ),
    *_route("policy.linkerd.io", "HTTPRoute", "GRPCRoute", "EgressNetwork", treatment=_T.MESH),
    *_route("linkerd.io", "ServiceProfile", treatment=_T.MESH),
    *_callers("apiextensions.k8s.io", "CustomResourceDefinition"),
    Kind(group="apiregistration.k8s.io", kind="APIService", treatment=_T.CALLER, namespaced=False, name_rule=_N.SEGMENT),
    *_callers("admissionregistration.k8s.io", "ValidatingWebhookConfiguration MutatingWebhookConfiguration"),
    *_callers("monitoring.coreos.com", "ServiceMonitor PodMonitor", namespaced=True),
    *(Kind(group="", kind=kind, treatment=_T.MATERIAL) for kind in ("ConfigMap", "Secret")),
    *_harmless("gateway.networking.x-k8s.io", "XBackendTrafficPolicy"),
    *_harmless("gateway.networking.x-k8s.io", "XMesh", namespaced=False),
    *_harmless("networking.istio.io", "WorkloadGroup ProxyConfig"),
    *_harmless("policy.linkerd.io", "HTTPLocalRateLimitPolicy"),
    _opaque("cilium.io", "CiliumNetworkPolicy", _CILIUM_EFFECT, subject="endpointSelector", concerns=Concerns.BY_RULES),
    _opaque(
        "cilium.io", "CiliumClusterwideNetworkPolicy", _CILIUM_EFFECT, subject="endpointSelector",
        concerns=Concerns.BY_RULES, namespaced=False,
    ),
    *(
        _opaque(group, kind, _CALICO_EFFECT, concerns=Concerns.BY_RULES, namespaced=kind == "NetworkPolicy")
        for group in _CALICO_GROUPS
        for kind in ("NetworkPolicy", "GlobalNetworkPolicy")
    ),
    _opaque("crd.antrea.io", "NetworkPolicy", _ANTREA_EFFECT, concerns=Concerns.BY_RULES),
    _opaque("crd.antrea.io", "ClusterNetworkPolicy", _ANTREA_EFFECT, concerns=Concerns.BY_RULES, namespaced=False),
    _opaque("networking.gke.io", "FQDNNetworkPolicy", _CLOUD_EFFECT, concerns=Concerns.EGRESS),
    _opaque("networking.k8s.aws", "ApplicationNetworkPolicy", _CLOUD_EFFECT),
    _opaque("networking.k8s.aws", "ClusterNetworkPolicy", _CLOUD_EFFECT, namespaced=False),
    _opaque("k8s.ovn.org", "EgressFirewall", "may deny egress to addresses outside the cluster (OVN-2)",
            concerns=Concerns.EGRESS),
    _opaque("k8s.ovn.org", "UserDefinedNetwork", "isolates pods on a primary network of their own (OVN-6)", subject="udn"),
    _opaque("k8s.ovn.org", "ClusterUserDefinedNetwork", "isolates pods on a primary network of their own (OVN-6)",
            subject="udn", namespaced=False),
    _opaque("security.istio.io", "AuthorizationPolicy", "may deny at the sidecar (IST)", subject="istio",
            concerns=Concerns.INGRESS),
    _opaque("security.istio.io", "PeerAuthentication", "STRICT refuses plain text (IST)", subject="strict",
            concerns=Concerns.INGRESS),
    _opaque("policy.linkerd.io", "Server", "may deny at the proxy (LKD)", subject="podSelector", concerns=Concerns.INGRESS),
    _opaque("policy.linkerd.io", "ServerAuthorization", "may allow at the proxy (LKD)", concerns=Concerns.INGRESS),
    _opaque("policy.linkerd.io", "AuthorizationPolicy", "may allow or deny at the proxy (LKD)", concerns=Concerns.INGRESS),
    *_harmless("security.istio.io", "RequestAuthentication"),
    *_harmless("policy.linkerd.io", "MeshTLSAuthentication NetworkAuthentication"),
    *(
        row
        for group in _CALICO_GROUPS
        for row in (
            *_harmless(group, "NetworkSet StagedNetworkPolicy WorkloadEndpoint", name_rule=_N.ANY),
            *_harmless(
                group,
                "GlobalNetworkSet Tier HostEndpoint Profile IPPool FelixConfiguration BGPConfiguration BGPPeer "
                "ClusterInformation KubeControllersConfiguration StagedGlobalNetworkPolicy IPReservation Node",
                namespaced=False, name_rule=_N.ANY,
            ),
        )
    ),
    *_harmless("cilium.io", "CiliumCIDRGroup CiliumNode CiliumIdentity", namespaced=False),
    *_harmless("cilium.io", "CiliumEndpoint CiliumLocalRedirectPolicy"),
    *_harmless("k8s.cni.cncf.io", "NetworkAttachmentDefinition MultiNetworkPolicy"),
    *_harmless(
        "", "Binding ServiceAccount PersistentVolumeClaim ResourceQuota LimitRange PodTemplate Event"
    ),
    *_harmless("", "PersistentVolume ComponentStatus", namespaced=False),
    *_harmless("rbac.authorization.k8s.io", "Role RoleBinding", name_rule=_N.SEGMENT),
    *_harmless("rbac.authorization.k8s.io", "ClusterRole ClusterRoleBinding", namespaced=False, name_rule=_N.SEGMENT),
    *_harmless(
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding MutatingAdmissionPolicy "
        "MutatingAdmissionPolicyBinding",
        namespaced=False,
    ),
    *_harmless("policy", "PodDisruptionBudget"),
    *_harmless("policy", "PodSecurityPolicy", namespaced=False),
    *_harmless("scheduling.k8s.io", "PriorityClass", namespaced=False),
    *_harmless("storage.k8s.io", "StorageClass CSIDriver CSINode VolumeAttachment", namespaced=False),
    *_harmless("node.k8s.io", "RuntimeClass", namespaced=False),
    *_harmless("coordination.k8s.io", "Lease"),
    *_harmless("apps", "ControllerRevision"),
    *_harmless("autoscaling", "Scale"),
    *_harmless("certificates.k8s.io", "CertificateSigningRequest ClusterTrustBundle", namespaced=False, name_rule=_N.ANY),
    *_harmless("flowcontrol.apiserver.k8s.io", "FlowSchema PriorityLevelConfiguration", namespaced=False),
    *_harmless(_NET, "IPAddress", namespaced=False, name_rule=_N.ANY),
    Kind(group=_NET, kind="ServiceCIDR", treatment=_T.OBJECT, namespaced=False, name_rule=_N.ANY),
    *_harmless("multicluster.x-k8s.io", "ServiceImport ServiceExport"),
    *_harmless("operator.tigera.io", "Installation", namespaced=False),
    *_harmless("config.openshift.io", "Network", namespaced=False),
    *(
        Kind(group=group, kind=kind, treatment=_T.FILE)
        for group, kind in (
            ("kustomize.config.k8s.io", "Kustomization"), ("kustomize.config.k8s.io", "Component"),
            ("config.kubernetes.io", "ResourceList"), ("kind.x-k8s.io", "Cluster"), ("", "Config"), ("v1", "Config"),
            ("kubeadm.k8s.io", "ClusterConfiguration"), ("kubeadm.k8s.io", "InitConfiguration"),
            ("kubeadm.k8s.io", "JoinConfiguration"), ("kubelet.config.k8s.io", "KubeletConfiguration"),
            ("skaffold", "Config"), ("netcheck", "Config"), ("netcheck", "Intents"), ("netcheck", "Intent"),
        )
    ),
)  # fmt: skip

TABLE = MappingProxyType({(row.group, row.kind): row for row in KINDS})

LEGACY_GROUPS = MappingProxyType(
    {
        ("extensions", "NetworkPolicy"): _NET,
        ("extensions", "Ingress"): _NET,
        ("extensions", "Deployment"): "apps",
        ("extensions", "DaemonSet"): "apps",
        ("extensions", "ReplicaSet"): "apps",
        ("", "Route"): "route.openshift.io",
        ("", "DeploymentConfig"): "apps.openshift.io",
    }
)
"""Group and kind of removed APIs -> the group that has the kind now."""


CLOSED_GROUPS = ("", "apps", "autoscaling", "batch", "discovery.k8s.io", "extensions", _NET)
"""API groups all of whose kinds are in the table: no server has another kind there."""


_BY_KIND = MappingProxyType({row.kind: row for row in KINDS if row.group in CLOSED_GROUPS})


def _is_closed(group: str) -> bool:
    return group in CLOSED_GROUPS or "." not in group


def misspelt(group: str, kind: str) -> str | None:
    """Return what is likely meant by a kind that no server can have (maybe nothing); None if one may have it."""
    same = next((row for row in _BY_KIND.values() if row.kind.lower() == kind.lower()), None)
    if group not in CLOSED_GROUPS and (same is None or "." in group):
        return None
    import difflib  # noqa: PLC0415 - only for a hint

    close = [same] if same else [_BY_KIND[name] for name in difflib.get_close_matches(kind, _BY_KIND, n=1)]
    return f"write `apiVersion: {current_version(close[0])}` and `kind: {close[0].kind}`" if close else ""


def current_version(row: Kind) -> str:
    """Return the `apiVersion` to write for a kind."""
    version = row.versions[0] if row.versions else "v1"
    return f"{row.group}/{version}" if row.group else version


def split_version(api_version: str) -> tuple[str, str]:
    """Return (group, version) of an `apiVersion`; the group of `v1` is empty."""
    group, slash, version = api_version.rpartition("/")
    return (group, version) if slash else ("", api_version)


def find(group: str, kind: str) -> Kind | None:
    """Return the row of a kind, or None. A built-in kind under a group that cannot have it is what it is called."""
    found = TABLE.get((LEGACY_GROUPS.get((group, kind), group), kind))
    return _BY_KIND.get(kind) if found is None and _is_closed(group) else found


def markdown() -> str:
    """Return the table as the text of `docs/kinds.md`."""
    lines = [
        "# Kinds",
        "",
        "What netcheck does with each kind of object. A kind that is not in this table is harmless, unless it holds a",
        "pod template: then a warning says how to configure it.",
        "",
        "| API group | kind | treatment | what it may change |",
        "|---|---|---|---|",
    ]
    for row in sorted(KINDS, key=lambda row: (list(Treatment).index(row.treatment), row.group, row.kind)):
        concerns = f"{row.effect}; {row.concerns.value}" if row.effect else ""
        lines.append(f"| {row.group or 'core'} | {row.kind} | {row.treatment.value} | {concerns} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(markdown())
