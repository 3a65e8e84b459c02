"""The fields of the kinds that netcheck models, as k8s.io/api of Kubernetes 1.36 declares them.

Parts that netcheck never reads are `ANY`: only their names are checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from netcheck.load.shapes import ListOf, MapOf, Scalar, Shape, Struct, struct

_S, _B, _I, _L, _IS, _Q, _A = (
    Scalar.STRING,
    Scalar.BOOL,
    Scalar.INT32,
    Scalar.INT64,
    Scalar.INT_OR_STRING,
    Scalar.QUANTITY,
    Scalar.ANY,
)
_STRINGS, _LABELS = ListOf(_S), MapOf(_S)

_OWNER = struct(apiVersion=_S, kind=_S, name=_S, uid=_S, controller=_B, blockOwnerDeletion=_B)
METADATA = struct(
    name=_S, generateName=_S, namespace=_S, selfLink=_S, uid=_S, resourceVersion=_S, generation=_L,
    creationTimestamp=_S, deletionTimestamp=_S, deletionGracePeriodSeconds=_L, labels=_LABELS, annotations=_LABELS,
    ownerReferences=ListOf(_OWNER), finalizers=_STRINGS, managedFields=_A,
)  # fmt: skip

SELECTOR = struct(matchLabels=_LABELS, matchExpressions=ListOf(struct(key=_S, operator=_S, values=_STRINGS)))


def _top(**parts: Shape) -> Struct:
    return struct(apiVersion=_S, kind=_S, metadata=METADATA, **parts)


def _with_spec(spec: Shape) -> Struct:
    return _top(spec=spec, status=_A)


def _any(names: str) -> dict[str, Shape]:
    return dict.fromkeys(names.split(), _A)


_NP_PEER = struct(podSelector=SELECTOR, namespaceSelector=SELECTOR, ipBlock=struct(cidr=_S, except_=_STRINGS))
_NP_PORTS = ListOf(struct(protocol=_S, port=_IS, endPort=_I))
NETWORK_POLICY = _top(
    spec=struct(
        podSelector=SELECTOR,
        policyTypes=_STRINGS,
        ingress=ListOf(struct(from_=ListOf(_NP_PEER), ports=_NP_PORTS)),
        egress=ListOf(struct(to=ListOf(_NP_PEER), ports=_NP_PORTS)),
    )
)

_CONTAINER_PORT = struct(name=_S, containerPort=_I, hostPort=_I, hostIP=_S, protocol=_S)
_ENV = struct(name=_S, value=_S, valueFrom=_A)
_MOUNT = struct(
    name=_S, readOnly=_B, recursiveReadOnly=_S, mountPath=_S, subPath=_S, mountPropagation=_S, subPathExpr=_S
)
_RESOURCES = struct(limits=MapOf(_Q), requests=MapOf(_Q), claims=_A)
_CONTAINER = struct(
    name=_S, image=_S, command=_STRINGS, args=_STRINGS, workingDir=_S, ports=ListOf(_CONTAINER_PORT),
    env=ListOf(_ENV), resources=_RESOURCES, volumeMounts=ListOf(_MOUNT), restartPolicy=_S, imagePullPolicy=_S,
    terminationMessagePath=_S, terminationMessagePolicy=_S, stdin=_B, stdinOnce=_B, tty=_B, targetContainerName=_S,
    **_any("envFrom resizePolicy restartPolicyRules volumeDevices livenessProbe readinessProbe startupProbe lifecycle"),
    securityContext=_A,
)  # fmt: skip
_POD_SPEC = struct(
    containers=ListOf(_CONTAINER), initContainers=ListOf(_CONTAINER), ephemeralContainers=ListOf(_CONTAINER),
    restartPolicy=_S, terminationGracePeriodSeconds=_L, activeDeadlineSeconds=_L, dnsPolicy=_S, nodeSelector=_LABELS,
    serviceAccountName=_S, serviceAccount=_S, automountServiceAccountToken=_B, nodeName=_S, hostNetwork=_B, hostPID=_B,
    hostIPC=_B, shareProcessNamespace=_B, hostname=_S, subdomain=_S, hostnameOverride=_S, schedulerName=_S,
    priorityClassName=_S, priority=_I, runtimeClassName=_S, enableServiceLinks=_B, preemptionPolicy=_S,
    setHostnameAsFQDN=_B, hostUsers=_B, overhead=MapOf(_Q), resources=_RESOURCES,
    **_any("volumes securityContext imagePullSecrets affinity tolerations hostAliases dnsConfig readinessGates"),
    **_any("topologySpreadConstraints os schedulingGates resourceClaims workloadRef schedulingGroup"),
)  # fmt: skip
_TEMPLATE = struct(apiVersion=_S, kind=_S, metadata=METADATA, spec=_POD_SPEC)
_POD_IP = struct(ip=_S)
POD = _with_spec(_POD_SPEC)
POD_STATUS_READ = struct(phase=_S, podIP=_S, podIPs=ListOf(_POD_IP), hostIP=_S, hostIPs=ListOf(_POD_IP))

_DEPLOYMENT = struct(
    replicas=_I, selector=SELECTOR, template=_TEMPLATE, strategy=_A, minReadySeconds=_I, revisionHistoryLimit=_I,
    paused=_B, progressDeadlineSeconds=_I,
)  # fmt: skip
_STATEFUL_SET = struct(
    replicas=_I, selector=SELECTOR, template=_TEMPLATE, serviceName=_S, podManagementPolicy=_S, updateStrategy=_A,
    revisionHistoryLimit=_I, minReadySeconds=_I, volumeClaimTemplates=_A, persistentVolumeClaimRetentionPolicy=_A,
    ordinals=_A,
)  # fmt: skip
_DAEMON_SET = struct(
    selector=SELECTOR, template=_TEMPLATE, updateStrategy=_A, minReadySeconds=_I, revisionHistoryLimit=_I
)
_REPLICA_SET = struct(replicas=_I, minReadySeconds=_I, selector=SELECTOR, template=_TEMPLATE)
_REPLICATION_CONTROLLER = struct(replicas=_I, minReadySeconds=_I, selector=_LABELS, template=_TEMPLATE)
_JOB = struct(
    parallelism=_I, completions=_I, activeDeadlineSeconds=_L, backoffLimit=_I, backoffLimitPerIndex=_I,
    maxFailedIndexes=_I, selector=SELECTOR, manualSelector=_B, template=_TEMPLATE, ttlSecondsAfterFinished=_I,
    completionMode=_S, suspend=_B, podReplacementPolicy=_S, managedBy=_S, **_any("podFailurePolicy successPolicy"),
)  # fmt: skip
_CRON_JOB = struct(
    schedule=_S, timeZone=_S, startingDeadlineSeconds=_L, concurrencyPolicy=_S, suspend=_B,
    jobTemplate=struct(metadata=METADATA, spec=_JOB), successfulJobsHistoryLimit=_I, failedJobsHistoryLimit=_I,
)  # fmt: skip

_SERVICE_PORT = struct(name=_S, protocol=_S, appProtocol=_S, port=_I, targetPort=_IS, nodePort=_I)
_SERVICE = struct(
    ports=ListOf(_SERVICE_PORT), selector=_LABELS, clusterIP=_S, clusterIPs=_STRINGS, type=_S, externalIPs=_STRINGS,
    sessionAffinity=_S, loadBalancerIP=_S, loadBalancerSourceRanges=_STRINGS, externalName=_S, externalTrafficPolicy=_S,
    healthCheckNodePort=_I, publishNotReadyAddresses=_B,
    sessionAffinityConfig=struct(clientIP=struct(timeoutSeconds=_I)),
    ipFamilies=_STRINGS, ipFamilyPolicy=_S, allocateLoadBalancerNodePorts=_B, loadBalancerClass=_S,
    internalTrafficPolicy=_S, trafficDistribution=_S,
)  # fmt: skip

_OBJECT_REFERENCE = struct(kind=_S, namespace=_S, name=_S, uid=_S, apiVersion=_S, resourceVersion=_S, fieldPath=_S)
_SLICE_ENDPOINT = struct(
    addresses=_STRINGS, conditions=struct(ready=_B, serving=_B, terminating=_B), hostname=_S,
    targetRef=_OBJECT_REFERENCE, deprecatedTopology=_LABELS, nodeName=_S, zone=_S, hints=_A,
)  # fmt: skip
_SLICE_PORT = struct(name=_S, protocol=_S, port=_I, appProtocol=_S)
_ADDRESS = struct(ip=_S, hostname=_S, nodeName=_S, targetRef=_OBJECT_REFERENCE)
_SUBSET = struct(addresses=ListOf(_ADDRESS), notReadyAddresses=ListOf(_ADDRESS), ports=ListOf(_SLICE_PORT))

_BACKEND = struct(
    service=struct(name=_S, port=struct(name=_S, number=_I)), resource=struct(apiGroup=_S, kind=_S, name=_S)
)
_INGRESS = struct(
    ingressClassName=_S,
    defaultBackend=_BACKEND,
    tls=ListOf(struct(hosts=_STRINGS, secretName=_S)),
    rules=ListOf(struct(host=_S, http=struct(paths=ListOf(struct(path=_S, pathType=_S, backend=_BACKEND))))),
)
_HPA = struct(
    scaleTargetRef=struct(kind=_S, name=_S, apiVersion=_S), minReplicas=_I, maxReplicas=_I, metrics=_A, behavior=_A,
    targetCPUUtilizationPercentage=_I,
)  # fmt: skip

_ANP_PODS = struct(namespaceSelector=SELECTOR, podSelector=SELECTOR)
_ANP_PORTS = ListOf(
    struct(
        portNumber=struct(protocol=_S, port=_I), namedPort=_S, portRange=struct(protocol=_S, start=_I, end=_I),
    )
)  # fmt: skip
_ADMIN_SUBJECT = struct(namespaces=SELECTOR, pods=_ANP_PODS)
_ADMIN_FROM = ListOf(struct(namespaces=SELECTOR, pods=_ANP_PODS))
_ADMIN_TO = ListOf(struct(namespaces=SELECTOR, pods=_ANP_PODS, nodes=SELECTOR, networks=_STRINGS, domainNames=_STRINGS))
_ADMIN_POLICY = struct(
    priority=_I,
    subject=_ADMIN_SUBJECT,
    ingress=ListOf(struct(name=_S, action=_S, from_=_ADMIN_FROM, ports=_ANP_PORTS)),
    egress=ListOf(struct(name=_S, action=_S, to=_ADMIN_TO, ports=_ANP_PORTS)),
)
_DESTINATION = struct(destinationPort=struct(number=_I, range_=struct(start=_I, end=_I)))
_CLUSTER_PROTOCOLS = ListOf(struct(tcp=_DESTINATION, udp=_DESTINATION, sctp=_DESTINATION, destinationNamedPort=_S))
_CLUSTER_POLICY = struct(
    tier=_S,
    priority=_I,
    subject=_ADMIN_SUBJECT,
    ingress=ListOf(struct(name=_S, action=_S, from_=_ADMIN_FROM, protocols=_CLUSTER_PROTOCOLS)),
    egress=ListOf(struct(name=_S, action=_S, to=_ADMIN_TO, protocols=_CLUSTER_PROTOCOLS)),
)

_REFERENCE: dict[str, Shape] = {"group": _S, "kind": _S, "name": _S, "namespace": _S}
_HEADERS = ListOf(struct(name=_S, value=_S))
_HEADER_CHANGE = struct(set_=_HEADERS, add=_HEADERS, remove=_STRINGS)
_PATH_CHANGE = struct(type=_S, replaceFullPath=_S, replacePrefixMatch=_S)
_ROUTE_FILTER = struct(
    type=_S, requestHeaderModifier=_HEADER_CHANGE, responseHeaderModifier=_HEADER_CHANGE,
    requestMirror=struct(
        backendRef=struct(**_REFERENCE, port=_I), percent=_I, fraction=struct(numerator=_I, denominator=_I)
    ),
    requestRedirect=struct(scheme=_S, hostname=_S, path=_PATH_CHANGE, port=_I, statusCode=_I),
    urlRewrite=struct(hostname=_S, path=_PATH_CHANGE),
    extensionRef=struct(group=_S, kind=_S, name=_S), cors=_A, externalAuth=_A,
)  # fmt: skip
_ROUTE_BACKEND = struct(**_REFERENCE, port=_I, weight=_I, filters=ListOf(_ROUTE_FILTER))
_NAMED_MATCH = ListOf(struct(type=_S, name=_S, value=_S))
_PARENTS = ListOf(struct(**_REFERENCE, sectionName=_S, port=_I))
_HTTP_ROUTE = struct(
    parentRefs=_PARENTS, hostnames=_STRINGS, useDefaultGateways=_S,
    rules=ListOf(
        struct(
            name=_S,
            matches=ListOf(
                struct(path=struct(type=_S, value=_S), headers=_NAMED_MATCH, queryParams=_NAMED_MATCH, method=_S)
            ),
            filters=ListOf(_ROUTE_FILTER),
            backendRefs=ListOf(_ROUTE_BACKEND),
            **_any("timeouts retry sessionPersistence"),
        )
    ),
)  # fmt: skip
_GRPC_ROUTE = struct(
    parentRefs=_PARENTS, hostnames=_STRINGS, useDefaultGateways=_S,
    rules=ListOf(
        struct(
            name=_S,
            matches=ListOf(struct(method=struct(type=_S, service=_S, method=_S), headers=_NAMED_MATCH)),
            filters=ListOf(_ROUTE_FILTER),
            backendRefs=ListOf(_ROUTE_BACKEND),
            sessionPersistence=_A,
        )
    ),
)  # fmt: skip
_PLAIN_RULES = ListOf(struct(name=_S, backendRefs=ListOf(struct(**_REFERENCE, port=_I, weight=_I))))
_PLAIN_ROUTE = struct(parentRefs=_PARENTS, useDefaultGateways=_S, rules=_PLAIN_RULES)
_TLS_ROUTE = struct(parentRefs=_PARENTS, useDefaultGateways=_S, hostnames=_STRINGS, rules=_PLAIN_RULES)
_LISTENER = struct(
    name=_S, hostname=_S, port=_I, protocol=_S,
    tls=struct(mode=_S, certificateRefs=ListOf(struct(**_REFERENCE)), options=_LABELS, frontendValidation=_A),
    allowedRoutes=struct(
        namespaces=struct(from_=_S, selector=SELECTOR), kinds=ListOf(struct(group=_S, kind=_S))
    ),
)  # fmt: skip
_VALIDATION = struct(caCertificateRefs=ListOf(struct(**_REFERENCE)), mode=_S)
_GATEWAY_TLS = struct(
    backend=struct(clientCertificateRef=struct(**_REFERENCE)),
    frontend=struct(
        default=struct(validation=_VALIDATION),
        perPort=ListOf(struct(port=_I, tls=struct(validation=_VALIDATION))),
    ),
)
_GATEWAY = struct(
    gatewayClassName=_S, listeners=ListOf(_LISTENER), addresses=ListOf(struct(type=_S, value=_S)), tls=_GATEWAY_TLS,
    infrastructure=struct(labels=_LABELS, annotations=_LABELS, parametersRef=_A), defaultScope=_S, backendTLS=_A,
    allowedListeners=struct(namespaces=struct(from_=_S, selector=SELECTOR)),
)  # fmt: skip
_LISTENER_SET = struct(parentRef=struct(**_REFERENCE), listeners=ListOf(_LISTENER))
_REFERENCE_GRANT = struct(
    from_=ListOf(struct(group=_S, kind=_S, namespace=_S)), to=ListOf(struct(group=_S, kind=_S, name=_S))
)
_LOCAL_REFERENCE = struct(group=_S, kind=_S, name=_S)
_BACKEND_TLS = struct(
    targetRefs=ListOf(struct(group=_S, kind=_S, name=_S, sectionName=_S)), options=_LABELS,
    validation=struct(
        caCertificateRefs=ListOf(_LOCAL_REFERENCE), wellKnownCACertificates=_S, hostname=_S,
        subjectAltNames=ListOf(struct(type=_S, hostname=_S, uri=_S)),
    ),
    **_any("targetRef tls"),
)  # fmt: skip
_OPENSHIFT_TARGET = struct(kind=_S, name=_S, weight=_I)
_OPENSHIFT_ROUTE = struct(
    host=_S, subdomain=_S, path=_S, to=_OPENSHIFT_TARGET, alternateBackends=ListOf(_OPENSHIFT_TARGET),
    port=struct(targetPort=_IS), wildcardPolicy=_S, httpHeaders=_A,
    tls=struct(
        termination=_S, certificate=_S, key=_S, caCertificate=_S, destinationCACertificate=_S,
        insecureEdgeTerminationPolicy=_S, externalCertificate=_A,
    ),
)  # fmt: skip


@cache
def schemas() -> Mapping[tuple[str, str], Struct]:
    """Return (API group, kind) -> the fields of its objects, for the built-in kinds whose fields are checked."""
    return {
        ("networking.k8s.io", "NetworkPolicy"): NETWORK_POLICY,
        ("networking.k8s.io", "Ingress"): _with_spec(_INGRESS),
        ("", "Pod"): POD,
        ("", "Service"): _with_spec(_SERVICE),
        ("", "Namespace"): _with_spec(struct(finalizers=_STRINGS)),
        ("", "Endpoints"): _top(subsets=ListOf(_SUBSET)),
        ("", "ReplicationController"): _with_spec(_REPLICATION_CONTROLLER),
        ("apps", "Deployment"): _with_spec(_DEPLOYMENT),
        ("apps", "StatefulSet"): _with_spec(_STATEFUL_SET),
        ("apps", "DaemonSet"): _with_spec(_DAEMON_SET),
        ("apps", "ReplicaSet"): _with_spec(_REPLICA_SET),
        ("batch", "Job"): _with_spec(_JOB),
        ("batch", "CronJob"): _with_spec(_CRON_JOB),
        ("autoscaling", "HorizontalPodAutoscaler"): _with_spec(_HPA),
        ("discovery.k8s.io", "EndpointSlice"): _top(
            addressType=_S, endpoints=ListOf(_SLICE_ENDPOINT), ports=ListOf(_SLICE_PORT)
        ),
        ("policy.networking.k8s.io", "AdminNetworkPolicy"): _with_spec(_ADMIN_POLICY),
        ("policy.networking.k8s.io", "BaselineAdminNetworkPolicy"): _with_spec(_ADMIN_POLICY),
        ("policy.networking.k8s.io", "ClusterNetworkPolicy"): _with_spec(_CLUSTER_POLICY),
        ("gateway.networking.k8s.io", "HTTPRoute"): _with_spec(_HTTP_ROUTE),
        ("gateway.networking.k8s.io", "GRPCRoute"): _with_spec(_GRPC_ROUTE),
        ("gateway.networking.k8s.io", "TLSRoute"): _with_spec(_TLS_ROUTE),
        ("gateway.networking.k8s.io", "TCPRoute"): _with_spec(_PLAIN_ROUTE),
        ("gateway.networking.k8s.io", "UDPRoute"): _with_spec(_PLAIN_ROUTE),
        ("gateway.networking.k8s.io", "GatewayClass"): _with_spec(
            struct(controllerName=_S, description=_S, parametersRef=_A)
        ),
        ("gateway.networking.k8s.io", "Gateway"): _with_spec(_GATEWAY),
        ("gateway.networking.k8s.io", "ListenerSet"): _with_spec(_LISTENER_SET),
        ("gateway.networking.x-k8s.io", "XListenerSet"): _with_spec(_LISTENER_SET),
        ("gateway.networking.k8s.io", "ReferenceGrant"): _with_spec(_REFERENCE_GRANT),
        ("gateway.networking.k8s.io", "BackendTLSPolicy"): _with_spec(_BACKEND_TLS),
        ("networking.k8s.io", "IngressClass"): _with_spec(struct(controller=_S, parameters=_A)),
        ("route.openshift.io", "Route"): _with_spec(_OPENSHIFT_ROUTE),
        ("", "ConfigMap"): _top(data=_LABELS, binaryData=_LABELS, immutable=_B),
        ("", "Secret"): _top(data=_LABELS, stringData=_LABELS, immutable=_B, type=_S),
    }
