"""Which resources of an API server are read, in which version, and what it means not to have read one (LIVE-1).

Secrets are never among them, and of ConfigMaps only those that `SETTINGS` names, each by itself (LIVE-3).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netcheck.load.kinds import Treatment, find

_PAGE, _LARGE_OBJECTS_PAGE = 500, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource to list. `versions`: those that are understood, best first; `page`: objects asked for at once."""

    group: str
    plural: str
    kind: str
    versions: tuple[str, ...] = ("v1",)
    namespaced: bool = True
    page: int = _PAGE

    @property
    def label(self) -> str:
        """`pods`, `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def treatment(self) -> Treatment:
        """What loading does with its objects."""
        row = find(self.group, self.kind)
        return row.treatment if row is not None else Treatment.HARMLESS

    @property
    def decides(self) -> bool:
        """Whether answers may be wrong without it, and not only less telling (LIVE-6)."""
        return self.treatment not in _TELLING and self.kind not in _ONLY_TELLING


_TELLING = frozenset({Treatment.HARMLESS, Treatment.CALLER, Treatment.MESH, Treatment.MATERIAL, Treatment.WORKLOAD})
_ONLY_TELLING = frozenset({"HorizontalPodAutoscaler", "Endpoints", "ServiceCIDR"})


def _of(group: str, listed: str, *versions: str, namespaced: bool = True, page: int = _PAGE) -> list[Resource]:
    """Return the resources of a group, each listed as `Kind` or, where the plural is irregular, as `Kind=plural`."""
    out = []
    for entry in listed.split():
        kind, _, plural = entry.partition("=")
        out.append(
            Resource(
                group=group,
                plural=plural or f"{kind.lower()}s",
                kind=kind,
                versions=versions or ("v1",),
                namespaced=namespaced,
                page=page,
            )
        )
    return out


_GATEWAY, _ISTIO, _LINKERD = "gateway.networking.k8s.io", "networking.istio.io", "policy.linkerd.io"
_NET, _ADMIN = "networking.k8s.io", "policy.networking.k8s.io"
_ISTIO_VERSIONS = ("v1", "v1beta1", "v1alpha3")
_CALICO_GLOBAL = "GlobalNetworkPolicy=globalnetworkpolicies GlobalNetworkSet HostEndpoint Tier"

RESOURCES: tuple[Resource, ...] = (
    *_of("", "Namespace Node", namespaced=False),
    *_of("", "Pod Service Endpoints=endpoints ReplicationController"),
    *_of("discovery.k8s.io", "EndpointSlice"),
    *_of("apps", "Deployment StatefulSet DaemonSet ReplicaSet"),
    *_of("batch", "Job CronJob"),
    *_of("autoscaling", "HorizontalPodAutoscaler", "v2", "v1"),
    *_of(_NET, "NetworkPolicy=networkpolicies Ingress=ingresses"),
    *_of(_NET, "IngressClass=ingressclasses", namespaced=False),
    *_of(_NET, "ServiceCIDR", "v1", "v1beta1", namespaced=False),
    *_of(_ADMIN, "ClusterNetworkPolicy=clusternetworkpolicies", "v1alpha2", namespaced=False),
    *_of(
        _ADMIN,
        "AdminNetworkPolicy=adminnetworkpolicies BaselineAdminNetworkPolicy=baselineadminnetworkpolicies",
        "v1alpha1",
        namespaced=False,
    ),
    *_of(_GATEWAY, "GatewayClass=gatewayclasses", "v1", "v1beta1", namespaced=False),
    *_of(_GATEWAY, "Gateway HTTPRoute", "v1", "v1beta1"),
    *_of(_GATEWAY, "GRPCRoute", "v1", "v1alpha2"),
    *_of(_GATEWAY, "TLSRoute", "v1", "v1alpha3", "v1alpha2"),
    *_of(_GATEWAY, "TCPRoute UDPRoute", "v1", "v1alpha2"),
    *_of(_GATEWAY, "ReferenceGrant", "v1", "v1beta1"),
    *_of(_GATEWAY, "BackendTLSPolicy=backendtlspolicies", "v1", "v1alpha3"),
    *_of(_GATEWAY, "ListenerSet", "v1"),
    *_of("gateway.networking.x-k8s.io", "XListenerSet", "v1alpha1"),
    *_of("route.openshift.io", "Route"),
    *_of("argoproj.io", "Rollout", "v1alpha1"),
    *_of("apps.openshift.io", "DeploymentConfig"),
    *_of("kubevirt.io", "VirtualMachine"),
    *_of(
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration MutatingWebhookConfiguration",
        namespaced=False,
    ),
    *_of("apiregistration.k8s.io", "APIService", namespaced=False),
    *_of("apiextensions.k8s.io", "CustomResourceDefinition", namespaced=False, page=_LARGE_OBJECTS_PAGE),
    *_of("monitoring.coreos.com", "ServiceMonitor PodMonitor"),
    *_of("cilium.io", "CiliumNetworkPolicy=ciliumnetworkpolicies", "v2"),
    *_of("cilium.io", "CiliumClusterwideNetworkPolicy=ciliumclusterwidenetworkpolicies", "v2", namespaced=False),
    *_of("cilium.io", "CiliumCIDRGroup", "v2", "v2alpha1", namespaced=False),
    *_of("projectcalico.org", "NetworkPolicy=networkpolicies NetworkSet", "v3"),
    *_of("projectcalico.org", _CALICO_GLOBAL, "v3", namespaced=False),
    *_of("crd.projectcalico.org", "NetworkPolicy=networkpolicies NetworkSet"),
    *_of("crd.projectcalico.org", _CALICO_GLOBAL, namespaced=False),
    *_of("crd.antrea.io", "NetworkPolicy=networkpolicies", "v1beta1", "v1alpha1"),
    *_of("crd.antrea.io", "ClusterNetworkPolicy=clusternetworkpolicies", "v1beta1", "v1alpha1", namespaced=False),
    *_of("crd.antrea.io", "Group", "v1beta1", "v1alpha3"),
    *_of("crd.antrea.io", "ClusterGroup Tier", "v1beta1", "v1alpha3", namespaced=False),
    *_of("k8s.ovn.org", "EgressFirewall UserDefinedNetwork"),
    *_of("k8s.ovn.org", "ClusterUserDefinedNetwork", namespaced=False),
    *_of("security.istio.io", "AuthorizationPolicy=authorizationpolicies PeerAuthentication", "v1", "v1beta1"),
    *_of(_ISTIO, "VirtualService DestinationRule Gateway Sidecar", *_ISTIO_VERSIONS),
    *_of(_ISTIO, "ServiceEntry=serviceentries WorkloadEntry=workloadentries", *_ISTIO_VERSIONS),
    *_of(_ISTIO, "EnvoyFilter", "v1alpha3"),
    *_of(_LINKERD, "Server", "v1beta3", "v1beta2", "v1beta1"),
    *_of(_LINKERD, "ServerAuthorization", "v1beta1"),
    *_of(_LINKERD, "AuthorizationPolicy=authorizationpolicies EgressNetwork", "v1alpha1"),
    *_of(_LINKERD, "MeshTLSAuthentication NetworkAuthentication", "v1alpha1"),
    *_of(_LINKERD, "HTTPRoute", "v1beta3", "v1beta2", "v1beta1", "v1alpha1"),
    *_of(_LINKERD, "GRPCRoute", "v1alpha1"),
    *_of("linkerd.io", "ServiceProfile", "v1alpha2"),
    *_of("multicluster.x-k8s.io", "ServiceImport ServiceExport", "v1beta1", "v1alpha1"),
    *_of("networking.gke.io", "FQDNNetworkPolicy=fqdnnetworkpolicies", "v1alpha1"),
    *_of("networking.k8s.aws", "ApplicationNetworkPolicy=applicationnetworkpolicies", "v1alpha1"),
    *_of("networking.k8s.aws", "ClusterNetworkPolicy=clusternetworkpolicies", "v1alpha1", namespaced=False),
    *_of("operator.tigera.io", "Installation", namespaced=False),
    *_of("config.openshift.io", "Network", namespaced=False),
)

NAMESPACES = RESOURCES[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMapKeys:
    """A ConfigMap that says how a network plugin is set, and the keys that are read of it (CNI-2).

    It is asked for only where one of the `groups` is served, by which the plugin is known.
    """

    namespace: str
    name: str
    plugin: str
    keys: tuple[str, ...]
    groups: tuple[str, ...]

    @property
    def path(self) -> str:
        """Where it is read from."""
        return f"/api/v1/namespaces/{self.namespace}/configmaps/{self.name}"


SETTINGS: tuple[ConfigMapKeys, ...] = (
    ConfigMapKeys(
        namespace="kube-system",
        name="amazon-vpc-cni",
        plugin="aws",
        keys=("enable-network-policy-controller",),
        groups=("crd.k8s.amazonaws.com", "networking.k8s.aws", "vpcresources.k8s.aws"),
    ),
    ConfigMapKeys(
        namespace="kube-system",
        name="cilium-config",
        plugin="cilium",
        keys=("allow-localhost", "enable-k8s-networkpolicy", "enable-policy", "policy-cidr-match-mode"),
        groups=("cilium.io",),
    ),
)


def settings_of(groups: Iterable[str]) -> tuple[ConfigMapKeys, ...]:
    """Return the ConfigMaps to ask for in a cluster that serves these API groups."""
    served = frozenset(groups)
    return tuple(item for item in SETTINGS if served.intersection(item.groups))


SAME_AS = {"crd.projectcalico.org": "projectcalico.org"}
"""A group whose objects another group shows again: it is read only where the other is not served (CAL-1)."""

COPIES = ("knp.", "kanp.", "kbanp.", "kcnp.")
"""How the names of those Calico policies begin that mirror policies of Kubernetes itself (CAL-13)."""
