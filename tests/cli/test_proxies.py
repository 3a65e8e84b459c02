"""What the user says of proxies and of the cluster's zone: `--ingress-controller`, `--cluster-domain`."""

import pytest

from netcheck.cli.config import read_config
from netcheck.cli.inputs import load_inputs
from netcheck.cli.options import Inputs
from netcheck.cli.proxies import cluster_domain, controller
from netcheck.errors import UsageError
from netcheck.model.profile import Switch
from netcheck.model.routes import Controller

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"


def inputs(folder, **given):
    names = Inputs.__slots__
    plain = dict.fromkeys(names, False) | dict.fromkeys(["kubeconfig", "context", "cni", "config", "cluster_domain"])
    plain |= dict.fromkeys(
        ["only_namespace", "exclude_namespace", "assume", "pod_cidr", "service_cidr", "node_cidr"], ()
    )
    plain |= {"ingress_controller": (), "output": (), "namespace": "default", "quiet": True, "sources": (str(folder),)}
    return Inputs(**(plain | given))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.yaml").write_text(NAMESPACE)
    return tmp_path / "in"


def config(tmp_path, text):
    (tmp_path / "netcheck.yaml").write_text(text)
    return read_config(str(tmp_path / "netcheck.yaml"), tmp_path)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("edge/app=envoy", Controller(namespace="edge", labels={"app": "envoy"})),
        ("web=edge/app=envoy,tier=", Controller(namespace="edge", labels={"app": "envoy", "tier": ""}, serves="web")),
        ("edge/example.com/app=a", Controller(namespace="edge", labels={"example.com/app": "a"})),
        ("a.b=edge/x/y=z", Controller(namespace="edge", labels={"x/y": "z"}, serves="a.b")),
    ],
)
def test_controllers_are_read(text, found):
    assert controller(text) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("edge", "must be [CLASS=]NAMESPACE/LABELS"),
        ("=edge/a=b", "must be [CLASS=]NAMESPACE/LABELS"),
        ("edge/", "must be LABEL=VALUE"),
        ("edge/app", "`app` must be LABEL=VALUE"),
        ("Edge/app=a", "`Edge` cannot be the name of a namespace"),
        ("/app=a", "cannot be the name of a namespace"),
        ("C_D=edge/app=a", "`C_D` cannot be the name of a class"),
        ("edge/app=a b", "`app=a b` cannot be a label"),
    ],
)
def test_other_controllers_are_refused_with_a_hint(text, message):
    with pytest.raises(UsageError) as caught:
        controller(text)
    assert message in str(caught.value)
    assert "hint: e.g. ingress-nginx/" in str(caught.value)


def test_domains_are_names_without_final_dot():
    assert cluster_domain("K8s.Example.COM.") == "k8s.example.com"
    for text in ("", "a b", "-x", "a..b"):
        with pytest.raises(UsageError, match="--cluster-domain"):
            cluster_domain(text)


def test_options_reach_the_cluster_and_win_over_the_configuration(folder, tmp_path):
    written = config(
        tmp_path, "ingressControllers:\n- {namespace: a, labels: {x: z}, class: c}\nclusterDomain: one.example\n"
    )
    cluster = load_inputs(inputs(folder), written).cluster
    assert cluster.controllers == (Controller(namespace="a", labels={"x": "z"}, serves="c"),)
    assert cluster.cluster_domain == "one.example"
    cluster = load_inputs(inputs(folder, ingress_controller=("b/k=v",), cluster_domain="two.example"), written).cluster
    assert cluster.controllers == (Controller(namespace="b", labels={"k": "v"}),)
    assert cluster.cluster_domain == "two.example"
    assert load_inputs(inputs(folder), config(tmp_path, "{}")).cluster.cluster_domain == "cluster.local"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ingressControllers: edge", "must be a list"),
        ("ingressControllers: [{namespace: a}]", "needs labels"),
        ("ingressControllers: [{labels: {a: b}}]", "name of a namespace"),
        ("ingressControllers: [{namespace: a, label: {}}]", "did you mean `labels`"),
        ("ingressControllers: [{namespace: a, labels: {x: 1}}]", "must be a string"),
        ("clusterDomain: a_b", "not a DNS name"),
        ("clusterDomain: [a]", "must be a string"),
    ],
)
def test_a_bad_configuration_is_refused_at_its_place(tmp_path, text, message):
    with pytest.raises(UsageError) as caught:
        config(tmp_path, text)
    assert message in str(caught.value)
    assert "netcheck.yaml:1" in str(caught.value)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("prefix", Switch.YES),
        ("yes", Switch.YES),
        ("regex", Switch.NO),
        ("no", Switch.NO),
        ("unknown", Switch.UNKNOWN),
    ],
)
def test_paths_left_to_the_controller_are_assumed_by_name(folder, tmp_path, word, value):
    given = inputs(folder, assume=(f"ingressImplSpecific={word}",))
    assert load_inputs(given, config(tmp_path, "{}")).cluster.profile.ingress_impl_specific is value


def test_other_switches_have_no_such_words(folder, tmp_path):
    with pytest.raises(UsageError, match="a switch is `yes`, `no` or `unknown`"):
        load_inputs(inputs(folder, assume=("listenerIsolation=prefix",)), config(tmp_path, "{}"))
    with pytest.raises(UsageError, match="`prefix`, `regex` or `unknown`"):
        load_inputs(inputs(folder, assume=("ingressImplSpecific=maybe",)), config(tmp_path, "{}"))
