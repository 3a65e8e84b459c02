"""`netcheck suggest` as users run it: exit codes, formats, files, and output that can be read back and applied."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from netcheck.load.capture import Capture
from netcheck.load.snapshot import write_snapshot
from tests.cli.running import BROKEN, CLOSED, NAMESPACE, NOT_MODELLED, POD, QUICKSTART, ROOT, TWO_PODS

SCHEMA = ROOT / "netcheck" / "report" / "schemas" / "Suggestions.json"
BOUTIQUE = str(ROOT / "tests" / "testdata" / "boutique.yaml")
OTHER_POD = POD % ("api", "a", "api")
ISOLATED = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: a}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
"""
SECRET = """
apiVersion: v1
kind: Pod
metadata: {name: job, namespace: a, labels: {app: job}}
spec:
  containers:
  - name: c
    image: i
    env:
    - {name: DATABASE_URL, value: "postgres://admin:hunter2@db.a:5432/x?password=hunter2"}
    - {name: DB_PASSWORD, value: "hunter2.example:17"}
    args: [-phunter2, "gone.a.svc:80", --token=hunter2]
---
"""


@pytest.fixture
def file(tmp_path):
    def write(text, name="cluster.yaml"):
        (tmp_path / name).write_text(text)
        return name

    return write


class TestExitCodes:
    def test_all_is_proved(self, netcheck, file):
        done = netcheck("suggest", file(TWO_PODS))
        assert (done.code, done.err) == (0, "")

    def test_there_is_nothing_to_suggest(self, netcheck, file):
        done = netcheck("suggest", file(TWO_PODS + ISOLATED))
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("# no policies are suggested")
        assert list(yaml.safe_load_all(done.out)) in ([], [None])

    def test_what_is_not_modelled_is_incomplete(self, netcheck, file):
        assert netcheck("suggest", file(TWO_PODS + NOT_MODELLED)).code == 4
        assert netcheck("suggest", "cluster.yaml", "--allow-incomplete").code == 0

    def test_what_is_refused_is_incomplete(self, netcheck, file):
        assert netcheck("suggest", file(TWO_PODS + BROKEN)).code == 4

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (("--need", "flow"), "there is no kind `flow`"),
            (("--flows", "gone.csv"), "`gone.csv` cannot be read"),
            (("--intents", "gone.yaml"), "`gone.yaml` cannot be read"),
            (("--direction", "inward"), "inward"),
            (("-o", "csv"), "csv"),
            (("--solver-timeout", "0"), "0"),
        ],
    )
    def test_a_wrong_option(self, netcheck, file, arguments, text):
        done = netcheck("suggest", file(TWO_PODS), *arguments)
        assert done.code == 2
        assert text in done.err
        assert done.out == ""

    def test_a_kind_that_is_nearly_right_is_proposed(self, netcheck, file):
        assert "flows" in netcheck("suggest", file(TWO_PODS), "--need", "flow").err

    def test_every_fault_of_recorded_connections_is_told_with_its_line(self, netcheck, file):
        file("source,destination,protocol,port\na/web,a/db,TCP,x\na/web,a/db,QUIC,1\na/web,a/db,TCP,80\n", "flows.csv")
        done = netcheck("suggest", file(TWO_PODS), "--flows", "flows.csv")
        assert done.code == 2
        assert "2 faults" in done.err
        assert "flows.csv:2" in done.err
        assert "flows.csv:3" in done.err

    def test_a_source_that_is_not_there(self, netcheck):
        assert netcheck("suggest", "gone.yaml").code == 3

    def test_intents_that_cannot_be_used(self, netcheck, file):
        file("apiVersion: netcheck/v1\nkind: Intents\nintents:\n- {name: a, allow: 7}\n", "i.yaml")
        done = netcheck("suggest", file(TWO_PODS), "--intents", "i.yaml")
        assert done.code in (2, 3)
        assert "i.yaml" in done.err


class TestYaml:
    @pytest.mark.parametrize("source", [QUICKSTART, BOUTIQUE])
    def test_can_be_read_back_and_leaves_no_gap(self, netcheck, tmp_path, source):
        done = netcheck("suggest", source)
        (tmp_path / "policies.yaml").write_text(done.out)
        alone = netcheck("lint", "policies.yaml", "--select", "NC120", "-o", "json").json
        assert [item for item in alone["problems"] if item["severity"] == "error"] == []
        linted = netcheck("lint", source, "policies.yaml", "--select", "NC120", "-o", "json")
        assert linted.json["findings"] == []
        again = netcheck("suggest", source, "policies.yaml")
        assert again.out.startswith("# no policies are suggested")

    def test_are_network_policies_and_nothing_else(self, netcheck):
        documents = list(yaml.safe_load_all(netcheck("suggest", BOUTIQUE).out))
        assert {(item["apiVersion"], item["kind"]) for item in documents} == {("networking.k8s.io/v1", "NetworkPolicy")}
        assert all(set(item) == {"apiVersion", "kind", "metadata", "spec"} for item in documents)
        assert all(set(item["metadata"]) == {"name", "namespace"} for item in documents)
        names = [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in documents]
        assert len(names) == len(set(names))

    def test_to_a_file(self, netcheck, file, tmp_path):
        done = netcheck("suggest", file(TWO_PODS), "-o", "yaml=out.yaml")
        assert done.code == 0
        assert (tmp_path / "out.yaml").read_text() == netcheck("suggest", "cluster.yaml").out

    def test_from_stdin(self, netcheck, file):
        done = netcheck("suggest", "-", stdin=TWO_PODS)
        assert done.code == 0
        assert list(yaml.safe_load_all(done.out)) == list(yaml.safe_load_all(netcheck("suggest", file(TWO_PODS)).out))

    def test_is_the_same_each_time_and_in_whatever_order_files_are(self, netcheck, file):
        file(POD % ("web", "a", "web"), "1.yaml")
        file(OTHER_POD + NAMESPACE + CLOSED, "2.yaml")
        file(POD % ("db", "a", "db"), "3.yaml")
        texts = {
            json.dumps(list(yaml.safe_load_all(netcheck("suggest", *order).out)))
            for order in (
                ("1.yaml", "2.yaml", "3.yaml"),
                ("3.yaml", "1.yaml", "2.yaml"),
                ("2.yaml", "3.yaml", "1.yaml"),
            )
        }
        assert len(texts) == 1

    @pytest.mark.parametrize("form", ["yaml", "json", "table"])
    def test_values_are_never_shown(self, netcheck, file, form):
        done = netcheck("suggest", file(TWO_PODS + SECRET), "-o", form, "-v")
        assert "hunter2" not in done.out + done.err


class TestOtherFormats:
    @pytest.mark.parametrize("source", [QUICKSTART, BOUTIQUE])
    def test_json_is_as_the_schema_has_it(self, netcheck, source):
        done = netcheck("suggest", source, "-o", "json")
        jsonschema.validate(done.json, json.loads(SCHEMA.read_text()))
        assert done.json["kind"] == "Suggestions"

    def test_the_table_names_gaps_policies_and_proofs(self, netcheck, file):
        done = netcheck("suggest", file(TWO_PODS), "-o", "table")
        assert done.code == 0
        assert "open ingress of namespace a" in done.out
        assert "closes egress by default" in done.out
        assert "proved" in done.out

    def test_several_at_once(self, netcheck, file, tmp_path):
        done = netcheck("suggest", file(TWO_PODS), "-o", "table", "-o", "json=s.json", "-o", "yaml=s.yaml")
        assert done.code == 0
        assert json.loads((tmp_path / "s.json").read_text())["kind"] == "Suggestions"
        assert list(yaml.safe_load_all((tmp_path / "s.yaml").read_text()))


class TestOptions:
    def test_only_one_direction(self, netcheck, file):
        documents = list(yaml.safe_load_all(netcheck("suggest", file(TWO_PODS), "--direction", "ingress").out))
        assert {kind for item in documents for kind in item["spec"]["policyTypes"]} == {"Ingress"}

    def test_namespaces_as_everywhere(self, netcheck, file):
        file(TWO_PODS + POD % ("x", "b", "x"))
        for option, name in (("--only-namespace", "b"), ("--exclude-namespace", "a")):
            documents = list(yaml.safe_load_all(netcheck("suggest", "cluster.yaml", option, name).out))
            assert {item["metadata"]["namespace"] for item in documents} == {"b"}

    def test_needs_of_some_kinds(self, netcheck, file):
        done = netcheck("suggest", file(TWO_PODS), "--need", "intents")
        (document,) = yaml.safe_load_all(done.out)
        assert document["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}

    def test_with_recorded_connections_services_are_not_guessed(self, netcheck, file):
        file("source,destination,port\na/web,a/db,80\n", "flows.csv")
        done = netcheck("suggest", file(TWO_PODS), "--flows", "flows.csv", "-o", "json")
        assert "services" not in {need["kind"] for need in done.json["needs"]}
        both = netcheck("suggest", "cluster.yaml", "--flows", "flows.csv", "--need", "services", "-o", "json")
        assert {need["kind"] for need in both.json["needs"]} == {"services"}

    def test_intents_are_opened_and_checked(self, netcheck, file):
        file(
            "apiVersion: netcheck/v1\nkind: Intents\nintents:\n"
            "- {name: wanted, allow: {from: a/web, to: a/db, ports: [80]}}\n"
            "- {name: closed, deny: {from: internet, to: a/db}}\n",
            "i.yaml",
        )
        done = netcheck("suggest", file(TWO_PODS + CLOSED), "--intents", "i.yaml")
        assert done.code == 0
        assert "proved: intent `wanted` holds (today: violated)" in done.out
        assert "proved: intent `closed` holds" in done.out

    def test_a_proxy_that_is_named_lets_in_from_there(self, netcheck, file):
        route = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: r, namespace: a}
spec:
  rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: a}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
"""
        done = netcheck("suggest", file(TWO_PODS + route), "--ingress-controller", "edge/app=proxy")
        assert done.code == 0
        documents = list(yaml.safe_load_all(done.out))
        web = next(item for item in documents if item["metadata"]["name"] == "allow-web")
        assert {"matchLabels": {"app": "proxy"}} in [
            peer.get("podSelector") for rule in web["spec"]["ingress"] for peer in rule.get("from", [])
        ]


class TestBoutique:
    """A shop like Online Boutique without its policies: each service is let in to by exactly those that name it."""

    CALLERS = {
        "cart": {"checkout", "frontend"},
        "catalog": {"checkout", "frontend", "recommendation"},
        "checkout": {"frontend"},
        "email": {"checkout"},
        "recommendation": {"frontend"},
        "redis": {"cart"},
    }

    def test_callers_are_those_that_are_configured(self, netcheck):
        found = {}
        for item in yaml.safe_load_all(netcheck("suggest", BOUTIQUE).out):
            for rule in item["spec"].get("ingress", []):
                (name,) = item["spec"]["podSelector"]["matchLabels"].values()
                for peer in rule.get("from", [{}]):
                    selector = peer.get("podSelector", {})
                    values = {*selector.get("matchLabels", {}).values()}
                    values |= {one for part in selector.get("matchExpressions", []) for one in part["values"]}
                    found.setdefault(name, set()).update(values or {"anybody"})
        assert found == {**self.CALLERS, "frontend": {"anybody"}}


def test_what_is_not_known_to_be_open_is_listed_with_exit_4(netcheck, tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("""
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: tiered, namespace: shop}
spec: {selector: all(), types: [Ingress, Egress]}
""")
    result = netcheck("suggest", file)
    assert result.code == 4
    assert (
        "not known: whether ingress of shop/web[Pod] is open: NetworkPolicy shop/tiered may isolate them" in result.out
    )
    assert "isolate every pod" not in result.out
    assert netcheck("suggest", file, "--allow-incomplete").code == 0


def test_where_nothing_enforces_policies_none_is_suggested(netcheck):
    result = netcheck("suggest", QUICKSTART, "--cni", "flannel", "-o", "table")
    assert result.out.startswith("no policies are suggested: nothing enforces them in this cluster (--cni)\n")


def test_a_snapshot_says_that_it_holds_no_configuration(netcheck, tmp_path):
    source = str(tmp_path / "prod.json.gz")
    write_snapshot(Capture(origin="cluster:prod"), source)
    assert "holds no configuration of containers" in netcheck("suggest", QUICKSTART, source).out
