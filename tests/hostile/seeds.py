"""Manifests that the fuzzer starts from."""

SEEDS = (
    """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: shop, labels: {a: "on"}}
spec:
  podSelector:
    matchLabels: &l {app: web}
    matchExpressions: [{key: tier, operator: NotIn, values: [a, b]}]
  policyTypes: [Ingress, Egress]
  ingress:
  - from:
    - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}
    - namespaceSelector: {}
      podSelector: {matchLabels: *l}
    ports: [{port: 80, endPort: 90}, {protocol: UDP, port: dns}]
  egress: [{to: [{ipBlock: {cidr: "fd00::/8"}}]}]
""",
    """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  ownerReferences: [{apiVersion: v1, kind: X, name: y, uid: z}]
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      hostNetwork: false
      initContainers: [{name: s, image: i, restartPolicy: Always, ports: [{containerPort: 1}]}]
      containers:
      - name: c
        image: i
        ports: [{containerPort: 8080, name: http, hostPort: 8080}]
        env: [{name: A, value: |
          text}]
---
apiVersion: v1
kind: Service
metadata: {name: s, namespace: shop}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: http, nodePort: 30080}],
  loadBalancerSourceRanges: [10.0.0.0/8], externalIPs: [1.2.3.4], ipFamilies: [IPv4], clusterIPs: [10.0.0.1], clusterIP: 10.0.0.1}
""",
    """\
{"apiVersion": "v1", "kind": "List", "items": [
 {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n", "labels": {"a": "b"}},
  "spec": {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80, "name": "http"}]}], "nodeName": "w"},
  "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}], "conditions": [{"type": "Ready", "status": "True"}]}},
 {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "w"}, "status": {"addresses": [{"type": "InternalIP", "address": "1.1.1.1"}]}},
 {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "e", "labels": {"kubernetes.io/service-name": "s"}},
  "addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": "p"}}],
  "ports": [{"port": 80, "name": "a"}]},
 {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "t"}, "subsets": [{"addresses": [{"ip": "10.0.0.2"}], "ports": [{"port": 1}]}]}
]}
""",
    """\
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: c}
spec:
  tier: Admin
  priority: 5
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {a: b}}}}
  ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {range: {start: 1, end: 2}}}}]}]
  egress: [{action: Accept, to: [{networks: [10.0.0.0/8]}, {domainNames: ["*.a.b"]}, {nodes: {}}]}]
---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: a}
spec: {priority: 1, subject: {namespaces: {}}, ingress: [{action: Allow, from: [{namespaces: {}}], ports: [{portNumber: {port: 1}}, {namedPort: x}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: h}
spec:
  parentRefs: [{name: g, sectionName: a}, {name: g, sectionName: b}]
  hostnames: ["*.a.b"]
  rules:
  - matches: [{path: {type: PathPrefix, value: /a}, headers: [{name: a, value: b}], method: GET}]
    filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}]
    backendRefs: [{name: s, port: 80, weight: 2}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec: {gatewayClassName: c, listeners: [{name: a, port: 443, protocol: TLS, tls: {mode: Passthrough}, allowedRoutes: {namespaces: {from: All}}}]}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: k}
spec: {endpointSelector: {matchLabels: {"k8s:app": db}}, ingress: [{}]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: g}
spec: {selector: "a == 'b' && has(c)", namespaceSelector: all(), types: [Egress]}
---
apiVersion: crd.antrea.io/v1beta1
kind: ClusterNetworkPolicy
metadata: {name: n}
spec: {appliedTo: [{podSelector: {matchLabels: {a: b}}}], ingress: [{}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: m}
spec: {mtls: {mode: STRICT}, selector: {matchLabels: {a: b}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i}
spec: {rules: [{host: a.b, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: s, port: {number: 80}}}}]}}], tls: [{hosts: [a.b]}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: j}
spec: {schedule: "@daily", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: h}
spec: {scaleTargetRef: {kind: Deployment, name: web}, maxReplicas: 3}
""",
    """\
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: l, creationTimestamp: 2026-01-01T00:00:00Z}
spec:
  parentRef: {name: g, namespace: edge}
  listeners: [{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: k}]}, allowedRoutes: {kinds: [{kind: HTTPRoute}]}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: r}
spec:
  parentRefs: [{group: "", kind: Service, name: s, port: 80}]
  rules: [{matches: [{method: {service: a.B, method: C}, headers: [{name: v, value: "1"}]}], backendRefs: [{name: s, port: 80, weight: 5}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: t}
spec: {hostnames: ["*.a.example"], rules: [{backendRefs: [{name: s, port: 443}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: h}
spec:
  rules:
  - filters: [{type: RequestMirror, requestMirror: {backendRef: {name: m, port: 80}, fraction: {numerator: 1, denominator: 3}}}]
    matches: [{path: {type: Exact, value: /a}, queryParams: [{name: q, value: x}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: f}
spec:
  gatewayClassName: c
  addresses: [{type: IPAddress, value: 192.0.2.1}]
  allowedListeners: {namespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: In, values: [b]}]}}}
  listeners: [{name: a, port: 80, protocol: HTTP}]
  tls: {frontend: {default: {validation: {caCertificateRefs: [{group: "", kind: ConfigMap, name: k}]}}, perPort: [{port: 443}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: a}
spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: a}], to: [{group: "", kind: Service}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: b}
spec: {targetRefs: [{group: "", kind: Service, name: s}], validation: {hostname: a.b, caCertificateRefs: [{group: "", kind: ConfigMap, name: k}]}}
""",
    """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i, annotations: {kubernetes.io/ingress.class: web}}
spec: {defaultBackend: {resource: {kind: Bucket, name: b}}, rules: [{host: "*.a.b", http: {paths: [{pathType: Exact, path: /a, backend: {service: {name: s, port: {name: p}}}}]}}]}
status: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}
---
apiVersion: route.openshift.io/v1
kind: Route
metadata: {name: o}
spec: {host: a.b, to: {kind: Service, name: s, weight: 10}, alternateBackends: [{kind: Service, name: t}], port: {targetPort: http}, tls: {termination: edge}}
---
apiVersion: v1
kind: Secret
metadata: {name: k}
stringData: {tls.crt: "-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----", ca.crt: x}
data: {tls.key: aGVsbG8=}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: m}
webhooks: [{name: a.b.c, failurePolicy: Ignore, clientConfig: {service: {namespace: a, name: s, port: 8443}}}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: c.example.com}
spec: {conversion: {strategy: Webhook, webhook: {clientConfig: {service: {namespace: a, name: s}}}}}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: m}
spec: {selector: {matchExpressions: [{key: a, operator: Exists}]}, namespaceSelector: {matchNames: [a]}, endpoints: [{port: web}, {targetPort: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: d, annotations: {prometheus.io/scrape: "true", prometheus.io/port: "9090"}}
spec: {dnsPolicy: None, dnsConfig: {nameservers: [1.1.1.1], options: [{name: ndots, value: "2"}]}, hostname: h, subdomain: s, containers: [{name: c, image: i}]}
""",
)
