"""What the configuration of containers tells of hosts, and that nothing else of it is ever told."""

from __future__ import annotations

import json

import pytest

from netcheck.load.fast_json import LARGE
from netcheck.load.loader import LoadOptions, load_text

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [%s]
      %s
---
"""
CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: %s
---
"""


def mentions(container, extra="", more=""):
    text = WEB % (json.dumps({"name": "c", "image": "i", **container}), extra) + more
    loaded = load_text(text, options=LoadOptions(evidence=True))
    assert [problem for problem in loaded.problems if "evidence" in problem.message] == []
    return loaded.evidence.mentions


def told(container, extra="", more=""):
    return sorted({(item.host, item.port, item.scheme) for item in mentions(container, extra, more)}, key=str)


def env(**variables):
    return {"env": [{"name": name, "value": value} for name, value in variables.items()]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("api:8080", [("api", 8080, "")]),
        ("api.shop.svc:8080", [("api.shop.svc", 8080, "")]),
        ("http://api/v1?x=y#z", [("api", None, "http")]),
        ("HTTP://API:81", [("api", 81, "http")]),
        ("https://api.shop.svc.cluster.local.:8443/a", [("api.shop.svc.cluster.local", 8443, "https")]),
        ("kafka-0.kafka:9092,kafka-1.kafka:9092", [("kafka-0.kafka", 9092, ""), ("kafka-1.kafka", 9092, "")]),
        ("10.0.0.7:5432", [("10.0.0.7", 5432, "")]),
        ("tcp://[fd00::7]:5432", [("fd00::7", 5432, "tcp")]),
        ("jdbc:postgresql://db:5432/shop", [("db", 5432, "postgresql")]),
        ("host=db.data;port=7", [("db.data", None, "")]),
        ("user:17@db.data:5432", [("db.data", 5432, "")]),
    ],
)
def test_a_variable_names_hosts(value, expected):
    assert told(env(SOMETHING=value)) == expected


@pytest.mark.parametrize(
    "value", ["", "true", "debug", "1.5", "17", "a b c", "/etc/app.conf", "api:99999", "api:0", "::", "%s"]
)
def test_a_value_that_names_none(value):
    assert [item for item in told(env(SOMETHING=value)) if item[1] is not None] == []
    assert not any(item.bare for item in mentions(env(SOMETHING=value)))


def test_a_bare_name_is_one_where_the_variable_is_called_so():
    assert told(env(DB_HOST="db", MODE="db")) == [("db", None, "")]
    assert mentions(env(DB_HOST="db"))[0].bare


def test_the_port_may_stand_in_a_variable_of_its_own():
    assert told(env(DB_HOST="db", DB_PORT="5432")) == [("db", 5432, "")]
    assert told(env(REDIS_HOST="redis", REDIS_PORT=" 6379 ")) == [("redis", 6379, "")]
    assert told(env(DB_HOST="db:1", DB_PORT="5432")) == [("db", 1, "")]


def test_references_are_resolved_as_the_kubelet_does():
    """Only what stands before a variable is known to it; what is not known stays as it is written."""
    assert told(env(NAME="db.data", PEER="$(NAME):5432", LATE="$(AFTER):1", AFTER="x")) == [
        ("db.data", 5432, ""),
        ("db.data", None, ""),
    ]


def test_arguments_name_hosts_with_and_without_flags():
    found = mentions({"command": ["run", "--db=db:1"], "args": ["--cache", "cache:2", "queue:3", "--no", "$(X):4"]})
    assert {(item.host, item.port, item.where) for item in found} == {
        ("db", 1, "command --db"),
        ("cache", 2, "args --cache"),
        ("queue", 3, "args"),
    }


def test_init_containers_count():
    assert told({}, "initContainers: [{name: i, image: i, args: ['db:5432']}]") == [("db", 5432, "")]


class TestConfigMaps:
    def test_by_one_key(self):
        ref = {"name": "PEER", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "peer"}}}
        found = mentions({"env": [ref]}, more=CONFIG % "{peer: 'api:8080', other: 'x:1'}")
        assert [(item.host, item.port, item.where) for item in found] == [
            ("api", 8080, "env PEER (ConfigMap shop/settings)")
        ]

    def test_whole_with_a_prefix(self):
        source = {"envFrom": [{"prefix": "APP_", "configMapRef": {"name": "settings"}}]}
        found = mentions(source, more=CONFIG % "{DB_HOST: db, DB_PORT: '5432'}")
        assert [(item.host, item.port, item.where) for item in found] == [
            ("db", 5432, "key DB_HOST of ConfigMap shop/settings")
        ]

    def test_mounted_files_tell_of_urls_and_ports_but_of_no_bare_names(self):
        volumes = "volumes: [{name: v, configMap: {name: settings}}]"
        text = CONFIG % json.dumps({"app.conf": "upstream api:8080\nhost db\nurl http://auth\n"})
        assert told({}, volumes, text) == [("api", 8080, ""), ("auth", None, "http")]
        assert all(item.in_file for item in mentions({}, volumes, text))

    def test_projected_ones_count(self):
        volumes = "volumes: [{name: v, projected: {sources: [{configMap: {name: settings}}]}}]"
        assert told({}, volumes, CONFIG % "{a: 'api:8080'}") == [("api", 8080, "")]

    def test_one_that_is_not_there_tells_nothing(self):
        assert told({"envFrom": [{"configMapRef": {"name": "gone"}}]}) == []

    def test_one_of_another_namespace_tells_nothing(self):
        more = (CONFIG % "{PEER: 'api:8080'}").replace("namespace: shop", "namespace: other")
        assert told({"envFrom": [{"configMapRef": {"name": "settings"}}]}, more=more) == []


class TestSecrets:
    """Whatever stands in a value: hosts and ports leave, nothing else does."""

    @pytest.mark.parametrize(
        "value",
        [
            "postgres://admin:hunter2@db:5432/shop",
            "postgres://admin:hun@ter2@db:5432/shop",
            "postgres://admin:hunter2@db:5432/shop?password=hunter2",
            "amqp://hunter2@db:5432",
            "admin:hunter2@db:5432",
        ],
    )
    def test_of_a_url_only_host_port_and_scheme_are_told(self, value):
        found = mentions(env(DATABASE_URL=value))
        assert {(item.host, item.port) for item in found} == {("db", 5432)}
        assert "hunter2" not in str(found)
        assert "ter2" not in str(found)

    @pytest.mark.parametrize(
        "name", ["DB_PASSWORD", "SECRET", "API_TOKEN", "api-key", "AWS_ACCESS_KEY_ID", "CREDENTIALS"]
    )
    def test_what_is_called_a_secret_names_no_host(self, name):
        assert mentions(env(**{name: "hunter2.example:17"})) == ()
        assert mentions({"args": [f"--{name}=hunter2.example:17", f"--{name}", "hunter2.example:17"]}) == ()

    def test_what_is_called_a_host_too_names_one(self):
        assert told(env(TOKEN_URL="auth:8080")) == [("auth", 8080, "")]

    def test_flags_with_their_value_in_one_word_are_not_told(self):
        found = mentions({"args": ["-phunter2", "db:3306"]})
        assert [(item.host, item.port, item.where) for item in found] == [("db", 3306, "args")]

    def test_secrets_are_not_read(self):
        ref = {"name": "PEER", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
        secret = (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: shop}\nstringData: {k: 'hunter2:1'}\n---\n"
        )
        assert mentions({"env": [ref], "envFrom": [{"secretRef": {"name": "s"}}]}, more=secret) == ()


@pytest.mark.parametrize(
    "container",
    [
        {"env": "x"},
        {"env": [None, 7, {"name": 7, "value": 7}, {"value": "a:1"}]},
        {"args": "x", "command": {"a": 1}},
        {"envFrom": [7, {"configMapRef": 7}]},
    ],
)
def test_what_is_not_as_it_should_be_is_passed_over(container):
    loaded = load_text(
        WEB % (json.dumps({"name": "c", "image": "i", **container}), ""), options=LoadOptions(evidence=True)
    )
    assert loaded.evidence is not None


def test_a_pod_speaks_for_itself_and_a_place_is_told():
    text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec:\n  containers:\n  - {name: c, image: i, args: ['db:1']}\n"
    found = load_text(text, "pod.yaml", LoadOptions(evidence=True)).evidence.mentions
    assert [(item.owner.kind, item.owner.name, item.host) for item in found] == [("Pod", "p", "db")]
    assert (found[0].place.file, found[0].place.line) == ("pod.yaml", 6)


def test_service_accounts_with_rights_are_told():
    text = """
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: r, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: x}
subjects:
- {kind: ServiceAccount, name: a}
- {kind: ServiceAccount, name: b, namespace: other}
- {kind: User, name: c}
- 7
"""
    found = load_text(WEB % ("{name: c, image: i}", "") + text, options=LoadOptions(evidence=True)).evidence.api_clients
    assert [(item.namespace, item.service_account, item.binding) for item in found] == [
        ("other", "b", "RoleBinding shop/r"),
        ("shop", "a", "RoleBinding shop/r"),
    ]


def test_nothing_is_read_where_nobody_asks():
    assert load_text(WEB % ('{name: c, image: i, args: ["db:1"]}', "")).evidence is None


def test_large_files_tell_what_small_ones_do():
    """Pods of large JSON are decoded without their documents; what they are configured to talk to counts as well."""
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"p{at}", "namespace": "shop", "labels": {"app": "x"}},
            "spec": {
                "containers": [{"name": "c", "image": "i" * 1000, "env": [{"name": "PEER", "value": f"api:{at + 1}"}]}]
            },
        }
        for at in range(LARGE // 1000)
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": pods})
    assert len(text) > LARGE
    loaded = load_text(text, "pods.json", LoadOptions(evidence=True))
    assert sorted(item.port for item in loaded.evidence.mentions) == [at + 1 for at in range(len(pods))]
    assert {item.host for item in loaded.evidence.mentions} == {"api"}
    assert {item.place.file for item in loaded.evidence.mentions} == {"pods.json"}
    assert loaded.cluster.pods == load_text(text, "pods.json").cluster.pods
