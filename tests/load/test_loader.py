"""Sources, documents, overlays, and what is said when input is lost."""

import io
import json
import subprocess

import pytest

from netcheck.errors import InputError, Severity, UsageError
from netcheck.load.loader import LoadOptions, load, load_text
from netcheck.model.policy import Direction

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: NAME, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
"""
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, image: i}]}
"""


def named(name):
    return POLICY.replace("NAME", name)


def messages(loaded):
    return [problem.message for problem in loaded.problems]


def test_a_directory_is_read_in_sorted_order_without_hidden_ignored_and_node_modules(tmp_path):
    for path in (
        "b/x.yml",
        "a.yaml",
        ".hidden/x.yaml",
        "node_modules/x.yaml",
        "build/x.yaml",
        "keep/drop.yaml",
        "n.txt",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(named(path.replace("/", "-").replace(".", "-").strip("-")))
    (tmp_path / ".gitignore").write_text("build/\n")
    (tmp_path / "keep" / ".gitignore").write_text("drop.yaml\n")
    loaded = load([str(tmp_path)])
    assert [policy.name for policy in loaded.cluster.policies] == ["a-yaml", "b-x-yml"]


def test_a_loop_of_links_ends(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "p.yaml").write_text(named("p"))
    (tmp_path / "a" / "back").symlink_to(tmp_path)
    (tmp_path / "dead.yaml").symlink_to(tmp_path / "nowhere")
    assert len(load([str(tmp_path)]).cluster.policies) == 1


def test_stdin_is_a_source():
    loaded = load(["-"], LoadOptions(stdin=io.BytesIO(named("p").encode())))
    assert str(loaded.cluster.policies[0].place) == "<stdin>:1:1"


def test_a_missing_path_is_an_input_error_that_names_it():
    with pytest.raises(InputError, match="nowhere"):
        load(["nowhere"])


def test_nothing_usable_is_an_input_error_that_says_what_was_looked_for(tmp_path):
    with pytest.raises(InputError, match=r"no \*\.yaml"):
        load([str(tmp_path)])
    (tmp_path / "values.yaml").write_text("a: 1\n")
    with pytest.raises(InputError, match="no Kubernetes object"):
        load([str(tmp_path)])


def test_a_git_revision_is_read_without_checking_it_out(tmp_path, monkeypatch):
    def git(*arguments):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=tmp_path, check=True)

    git("init", "-q")
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "p.yaml").write_text(named("before"))
    git("add", ".")
    git("commit", "-qm", "one")
    (tmp_path / "deploy" / "p.yaml").write_text(named("after"))
    monkeypatch.chdir(tmp_path)
    loaded = load(["git:HEAD:deploy"])
    assert [policy.name for policy in loaded.cluster.policies] == ["before"]
    assert str(loaded.cluster.policies[0].place) == "git:HEAD:deploy/p.yaml:1:1"
    assert load(["git:HEAD:deploy/p.yaml"]).cluster == loaded.cluster
    for source in ("git:nowhere", "git:HEAD:nowhere"):
        with pytest.raises(InputError, match="nowhere"):
            load([source])
    with pytest.raises(UsageError):
        load(["git:"])


def test_later_sources_replace_objects_of_earlier_ones(tmp_path):
    (tmp_path / "base.yaml").write_text(named("p") + "  policyTypes: [Wrong]\n")
    (tmp_path / "fix.yaml").write_text(named("p") + "  policyTypes: [Egress]\n")
    loaded = load([str(tmp_path / "base.yaml"), str(tmp_path / "fix.yaml")])
    assert not loaded.problems
    assert loaded.cluster.policies[0].types == (Direction.EGRESS,)


def test_one_source_that_defines_an_object_twice_is_told():
    loaded = load_text(f"{named('p')}---\n{named('p')}")
    assert [problem.severity for problem in loaded.problems] == [Severity.WARNING]
    loaded = load_text(f"{named('p')}---\n{named('p')}  policyTypes: [Egress]\n")
    assert [problem.severity for problem in loaded.problems] == [Severity.ERROR]
    assert loaded.cluster.policies[0].types == (Direction.EGRESS,)


def test_a_document_that_is_no_object_is_skipped_and_counted():
    loaded = load_text(f"a: 1\n---\n# nothing\n---\n{named('p')}---\n- 1\n---\nnot: [yaml\n")
    assert loaded.skipped == 3
    assert loaded.complete


def test_one_broken_document_stops_no_other_and_the_lost_policy_is_known():
    broken = named("lost").replace("spec:", "spec: [")
    loaded = load_text(f"{named('a')}---\n{broken}---\n{named('b')}")
    assert [policy.name for policy in loaded.cluster.policies] == ["a", "b"]
    assert not loaded.complete
    assert loaded.problems[0].place.line >= 6
    (opaque,) = loaded.cluster.opaque
    assert (opaque.namespace, opaque.name, opaque.additive, opaque.subject) == ("shop", "lost", True, None)


def test_a_broken_pod_is_a_lost_endpoint():
    loaded = load_text(f"{named('p')}---\n" + POD.replace("spec: {", "spec: {{{"))
    assert [(lost.namespace, lost.kind, lost.name) for lost in loaded.cluster.lost] == [("shop", "Pod", "web")]


def test_what_is_lost_in_a_template_is_known_only_where_its_namespace_is_plain():
    plain = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec: {{ x }}: [\n"
    inside = plain.replace("  name: web\n", "  name: web\n  namespace: {{ ns }}\n")
    for text, lost in ((plain, 1), (inside, 0)):
        assert len(load_text(f"{named('p')}---\n{text}").cluster.lost) == lost


def test_dashes_inside_a_block_scalar_do_not_split():
    text = (
        named("p")
        + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  x: |\n    ---\n    a: {{ b }}\n"
    )
    loaded = load_text(text)
    assert loaded.counts == {"ConfigMap": 1, "NetworkPolicy": 1}
    assert not loaded.problems


def test_templates_of_a_chart_are_one_problem_with_the_way_out(tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: c\n")
    for name in ("a", "b"):
        (tmp_path / "templates" / f"{name}.yaml").write_text(named("{{ .Release.Name }}") + "{{ if x }}\n")
    (tmp_path / "plain.yaml").write_text(named("p"))
    loaded = load([str(tmp_path)])
    (problem,) = loaded.problems
    assert "helm template" in problem.hint
    assert not loaded.complete


def test_patches_of_a_kustomization_are_not_objects(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "kustomization.yaml").write_text("resources: [base]\npatches: [{path: patch.yaml}, {patch: 'a: b'}]\n")
    (tmp_path / "base" / "p.yaml").write_text(named("p"))
    (tmp_path / "patch.yaml").write_text(named("p") + "  policyTypes: [Egress]\n")
    loaded = load([str(tmp_path)])
    assert loaded.cluster.policies[0].types == (Direction.INGRESS,)
    assert messages(loaded) == ["the patches of this kustomization are not applied"]


def test_a_template_outside_of_a_chart_is_one_problem_of_its_file():
    text = f"{named('{{ x }}')}---\n{named('{{ y }}')}---\n{named('p')}"
    assert messages(load_text(text)) == ["unrendered template: it holds `{{` and is not YAML"]


def test_lists_are_unpacked_and_typed_lists_give_their_items_a_kind():
    item = {"metadata": {"name": "p"}, "spec": {}}
    text = json.dumps({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicyList", "items": [item]})
    loaded = load_text(text, "x.json")
    assert loaded.cluster.policies[0].place.line == 1
    inner = {"apiVersion": "v1", "kind": "List", "items": [json.loads(text)]}
    assert load_text(json.dumps(inner)).cluster.policies == loaded.cluster.policies


def test_json_that_is_no_object_is_skipped_and_json_with_surrogates_is_read(tmp_path):
    (tmp_path / "a.json").write_text("[1, 2]")
    (tmp_path / "b.json").write_text(
        '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "\\ud83d\\ude00"}}'
    )
    loaded = load([str(tmp_path)])
    assert loaded.skipped == 1
    assert loaded.counts == {"ConfigMap": 1}


def test_a_refused_policy_keeps_the_valid_parts_of_its_reach():
    loaded = load_text(named("p") + "  policyTypes: [Egress]\n  egress: [{to: [{}]}]\n")
    (opaque,) = loaded.cluster.opaque
    assert opaque.directions == (Direction.EGRESS,)
    assert str(opaque.subject) == "app=web"
    (problem,) = loaded.problems
    assert problem.message == "spec.egress[0].to[0]: required value: must specify a peer"
    assert (problem.place.line, problem.place.column) == (7, 18)


def test_an_unknown_field_of_a_policy_is_an_error_that_drops_nothing():
    loaded = load_text(named("p") + "  ingress: [{From: [{podSelector: {}}]}]\n")
    (problem,) = loaded.problems
    assert problem.severity is Severity.ERROR
    assert problem.hint == "did you mean `from`?"
    assert len(loaded.cluster.policies) == 1


def test_a_label_that_yaml_reads_as_a_boolean_says_how_to_quote_it():
    loaded = load_text(named("p").replace("app: web", "app: on"))
    assert 'quote it: `"on"`' in [problem.hint for problem in loaded.problems]


def test_legacy_cidrs_are_normalized_and_told():
    for written, canonical in (
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("010.0.0.0/8", "10.0.0.0/8"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
    ):
        loaded = load_text(named("p") + f"  ingress: [{{from: [{{ipBlock: {{cidr: '{written}'}}}}]}}]\n")
        assert loaded.cluster.policies[0].ingress[0].peers[0].cidr == canonical
        assert [problem.severity for problem in loaded.problems] == [Severity.WARNING]


def test_a_namespace_that_no_file_defines_has_unknown_labels_unless_given():
    loaded = load_text(named("p"))
    assert not loaded.cluster.namespaces["shop"].labels_known
    options = LoadOptions(namespace_labels={"shop": {"team": "a"}})
    shop = load_text(named("p"), options=options).cluster.namespaces["shop"]
    assert shop.labels_known
    assert shop.labels == {"team": "a", "kubernetes.io/metadata.name": "shop"}


def test_objects_without_a_namespace_lie_in_the_given_one():
    text = named("p").replace(", namespace: shop", "")
    assert load_text(text, options=LoadOptions(namespace="x")).cluster.policies[0].namespace == "x"


def test_assumptions_are_stated_only_where_they_matter():
    rules = {item.rule for item in load_text(POD).assumptions}
    assert rules == set()
    block = "  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}, {namespaceSelector: {matchLabels: {team: a}}}]}]\n"
    rules = {item.rule for item in load_text(f"{POD}---\n{named('p')}{block}").assumptions}
    assert rules == {"CNI-1", "NP-20", "WL-3"}


def test_a_removed_api_version_is_an_error_and_the_object_is_read_all_the_same():
    loaded = load_text(named("p").replace("networking.k8s.io/v1", "extensions/v1beta1"))
    assert loaded.problems[0].hint == "write `apiVersion: networking.k8s.io/v1`"
    assert len(loaded.cluster.policies) == 1


def test_policies_that_are_not_modelled_are_limited_to_what_they_can_concern():
    loaded = load_text(
        """
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: c, namespace: shop}
spec: {selector: app == 'web' && has(tier), types: [Egress]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: a}
spec: {namespaceSelector: team == 'a', types: [Ingress]}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: k, namespace: shop}
spec: {endpointSelector: {matchLabels: {"k8s:app": db}}, ingressDeny: [{}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v}
"""
    )
    found = {policy.name: policy for policy in loaded.cluster.opaque}
    assert str(found["c"].subject) == "app=web,tier"
    assert found["c"].directions == (Direction.EGRESS,)
    assert found["a"].namespace is None
    assert str(found["a"].namespace_selector) == "team=a"
    assert str(found["k"].subject) == "app=db"
    assert not any(policy.additive for policy in found.values())
    assert [item.kind for item in loaded.not_modelled] == [
        "CiliumNetworkPolicy",
        "GlobalNetworkPolicy",
        "NetworkPolicy",
    ]
    assert not loaded.complete


def test_the_internal_addresses_of_a_node_come_first() -> None:
    loaded = load_text(
        "apiVersion: v1\nkind: Node\nmetadata: {name: n}\nstatus: {addresses: [{type: ExternalIP, address: 203.0.113.9},"
        " {type: Hostname, address: n}, {type: InternalIP, address: 192.168.0.1}]}\n"
    )
    assert loaded.cluster.nodes[0].addresses == ("192.168.0.1", "203.0.113.9")


def test_that_a_node_is_judged_by_its_internal_address_is_said() -> None:
    node = "apiVersion: v1\nkind: Node\nmetadata: {name: n}\nstatus: {addresses: [{type: InternalIP, address: 10.0.0.1}"
    policy = (
        "\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\n"
        "spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}\n"
    )
    one = load_text(node + "]}" + policy)
    two = load_text(node + ", {type: ExternalIP, address: 203.0.113.9}]}" + policy)
    assert "NP-22" not in {item.rule for item in one.assumptions}
    assert "NP-22" in {item.rule for item in two.assumptions}
