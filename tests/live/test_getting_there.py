"""The ways to an API server that kubeconfigs describe: certificates, tokens, programs, proxies, several files."""

from __future__ import annotations

import base64
import json
import ssl
import warnings
from pathlib import Path

import pytest

from netcheck.errors import InputError, UsageError
from netcheck.load import cluster_api
from netcheck.load.cluster_api import Access, connect
from netcheck.load.live import Reading, capture
from tests.live.clusters import small
from tests.live.conftest import SHORT, held, read
from tests.live.proxy import Proxy
from tests.live.server import Server, kubeconfig, status

TLS = Path(__file__).parents[2] / "testdata" / "tls"
CLEAN = small()
WHOLE = 5


def serving(name="server", *, asks=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / f"{name}.pem", TLS / f"{name}.key")
    if asks:
        context.load_verify_locations(TLS / "ca.pem")
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


@pytest.fixture
def secure():
    """Return a function that starts a TLS server: `name` is its certificate, `asks` that it takes those of clients."""
    servers = []

    def start(name="server", *, asks=False, answer=CLEAN.answer, fault=None):
        servers.append(Server(answer, fault, serving(name, asks=asks)))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch, tmp_path):
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "NO_PROXY", "no_proxy", "KUBECONFIG",
                 "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))


def write(folder, url, user=None, name="config", **cluster):
    """Write a kubeconfig of one context; return its path."""
    path = kubeconfig(folder, {"prod": url})
    settings = json.loads(Path(path).read_text())
    settings["clusters"][0]["cluster"].update(cluster)
    if user is not None:
        settings["users"][0]["user"] = user
    (folder / name).write_text(json.dumps(settings))
    return str(folder / name)


def data(name):
    return base64.b64encode((TLS / name).read_bytes()).decode()


CA = {"certificate-authority-data": data("ca.pem")}


# ---- TLS -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("authority", [CA, {"certificate-authority": str(TLS / "ca.pem")}], ids=["data", "file"])
def test_a_server_with_a_certificate_of_the_clusters_authority(secure, tmp_path, authority):
    server = secure()
    found = read(write(tmp_path, server.url, **authority))
    assert len(held(found)) == WHOLE
    assert {request.user for request in server.requests} == {"admin"}


def test_a_relative_file_is_beside_the_kubeconfig(secure, tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "ca.pem").write_bytes((TLS / "ca.pem").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert not read(write(tmp_path / "there", secure().url, **{"certificate-authority": "ca.pem"})).unread


@pytest.mark.parametrize("form", ["data", "file"])
def test_a_user_with_a_certificate(secure, tmp_path, form):
    pair = (("client-certificate", "client.pem"), ("client-key", "client.key"))
    user = {f"{key}-data": data(name) for key, name in pair} if form == "data" else {k: str(TLS / n) for k, n in pair}
    server = secure(asks=True)
    assert not read(write(tmp_path, server.url, user, **CA)).unread
    assert {request.user for request in server.requests} == {"jane"}


def test_a_server_that_nobody_vouches_for_is_not_believed(secure, tmp_path):
    server = secure()
    with pytest.raises(InputError, match="certificate"):
        read(write(tmp_path, server.url))
    assert not server.requests


def test_unless_the_user_says_so_and_then_without_warnings(secure, tmp_path, capsys):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert not read(write(tmp_path, secure().url, **{"insecure-skip-tls-verify": True})).unread
    assert not [item for item in told if "Insecure" in item.category.__name__]


def test_a_server_of_another_name(secure, tmp_path):
    server = secure("named")
    with pytest.raises(InputError, match=r"127\.0\.0\.1"):
        read(write(tmp_path, server.url, **CA))
    assert not read(write(tmp_path, server.url, **CA, **{"tls-server-name": "kubernetes.example"})).unread


def test_plain_http_is_told_from_tls(secure, tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read(write(tmp_path, secure().url.replace("https", "http")))


# ---- users ---------------------------------------------------------------------------------------------------------


def plugin(folder, text, **more):
    """Write an exec plugin, and return the user that it signs in."""
    path = folder / "plugin.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(path), **more}}


def credential(**found):
    return json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": found})


def test_a_token_of_a_file(serve, tmp_path):
    server, _ = serve(CLEAN.answer)
    (tmp_path / "token").write_text("from-file\n")
    assert not read(write(tmp_path, server.url, {"tokenFile": str(tmp_path / "token")})).unread
    assert {request.user for request in server.requests} == {"from-file"}


def test_a_name_and_a_password(serve, tmp_path):
    server, _ = serve(CLEAN.answer)
    assert not read(write(tmp_path, server.url, {"username": "u", "password": "p"})).unread
    assert {request.headers["authorization"] for request in server.requests} == {"Basic dTpw"}


def test_a_certificate_of_an_exec_plugin(secure, tmp_path):
    text = credential(
        clientCertificateData=(TLS / "client.pem").read_text(), clientKeyData=(TLS / "client.key").read_text()
    )
    (tmp_path / "credential.json").write_text(text)
    server = secure(asks=True)
    user = plugin(tmp_path, f"cat {tmp_path}/credential.json")
    assert not read(write(tmp_path, server.url, user, **CA)).unread
    assert {request.user for request in server.requests} == {"jane"}


def test_an_exec_plugin_gets_its_arguments_and_environment(serve, tmp_path):
    server, _ = serve(CLEAN.answer)
    user = plugin(
        tmp_path, f"echo '{credential(token='TOKEN')}' | sed s/TOKEN/$1-$WHO/", args=["one"],
        env=[{"name": "WHO", "value": "two"}],
    )  # fmt: skip
    assert not read(write(tmp_path, server.url, user)).unread
    assert {request.user for request in server.requests} == {"one-two"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("echo 'sign in first' >&2; exit 1", "sign in first"),
        ("echo no json", "decode"),
        ("echo '{}'", "missing key"),
        (f"echo '{credential()}'", "missing token"),
    ],
)
def test_an_exec_plugin_that_fails_is_told(serve, tmp_path, capsys, text, told):
    server, _ = serve(CLEAN.answer)
    with pytest.raises(InputError, match=f"exec plugin .*plugin.sh. of context `prod` fails: .*{told}"):
        read(write(tmp_path, server.url, plugin(tmp_path, text)))
    assert not server.requests
    assert not capsys.readouterr().err


def test_an_exec_plugin_that_is_not_there_is_told(serve, tmp_path):
    server, _ = serve(CLEAN.answer)
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-plugin"}}
    with pytest.raises(InputError, match=r"exec plugin `no-such-plugin` of context `prod` fails: .*No such file"):
        read(write(tmp_path, server.url, user))


def test_a_way_to_sign_in_that_is_gone_is_told(serve, tmp_path):
    server, _ = serve(CLEAN.answer)
    with pytest.raises(UsageError, match="auth-provider `azure`"):
        read(write(tmp_path, server.url, {"auth-provider": {"name": "azure", "config": {}}}))


def test_a_user_who_acts_as_another(serve, tmp_path):
    server, _ = serve(CLEAN.answer)
    config = write(tmp_path, server.url, {"token": "t", "as": "jane", "as-groups": ["dev", "ops"]})
    connect(Access(kubeconfig=config), "").get("/version", {}, 5)
    connect(Access(kubeconfig=config, user="joe"), "").get("/version", {}, 5)
    assert [request.headers["impersonate-user"] for request in server.requests] == ["jane", "joe"]
    assert "impersonate-group" in server.requests[0].headers
    assert "impersonate-group" not in server.requests[1].headers


def test_who_may_not_act_as_another_is_told(serve, tmp_path):
    text = 'users "jane" is forbidden: User "admin" cannot impersonate resource "users" in API group "" at the cluster scope'
    _, config = serve(CLEAN.answer, lambda request, times: status(403, "Forbidden", text))
    with pytest.raises(InputError, match="does not let the user act as another"):
        capture("cluster:prod", connect(Access(kubeconfig=config, user="jane"), ""), Reading(limits=SHORT))


# ---- in a pod ------------------------------------------------------------------------------------------------------


def test_the_service_account_of_a_pod(secure, tmp_path, monkeypatch):
    server = secure()
    host, _, port = server.url.removeprefix("https://").rpartition(":")
    for name, text in (("token", "of-the-pod"), ("namespace", "tools"), ("ca.crt", (TLS / "ca.pem").read_text())):
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setattr(cluster_api, "_OWN_NAMESPACE", str(tmp_path / "namespace"))
    found = capture("cluster:", connect(Access(), ""), Reading(limits=SHORT))
    assert len(held(found)) == WHOLE
    assert found.home == "tools"
    assert {request.headers["authorization"] for request in server.requests} == {"bearer of-the-pod"}


# ---- several files -------------------------------------------------------------------------------------------------


def test_several_files_are_one_and_the_first_counts(serve, tmp_path, monkeypatch):
    one, _ = serve(CLEAN.answer)
    two, _ = serve(CLEAN.answer)
    paths = []
    for name, server in (("first", one), ("second", two)):
        (tmp_path / name).mkdir()
        paths.append(kubeconfig(tmp_path / name, {name: server.url}))
    monkeypatch.setenv("KUBECONFIG", ":".join([str(tmp_path / "none"), *paths]))
    assert connect(Access(), "").context == "first"
    assert connect(Access(), "second").host == two.url
    assert connect(Access(context="second"), "").host == two.url
    monkeypatch.setenv("KUBECONFIG", ":".join(reversed(paths)))
    assert connect(Access(), "").context == "second"
    with pytest.raises(UsageError, match=r"`first`, `second`"):
        connect(Access(), "third")


def test_a_context_may_have_a_namespace_or_none(serve, tmp_path):
    server, _ = serve(CLEAN.answer)
    path = Path(write(tmp_path, server.url))
    assert connect(Access(kubeconfig=str(path)), "").namespace == "shop"
    settings = json.loads(path.read_text())
    del settings["contexts"][0]["context"]["namespace"]
    path.write_text(json.dumps(settings))
    assert connect(Access(kubeconfig=str(path)), "").namespace == "default"


@pytest.mark.parametrize("current", [None, ""])
def test_without_a_current_context_those_that_there_are_are_named(serve, tmp_path, current):
    server, _ = serve(CLEAN.answer)
    path = Path(write(tmp_path, server.url))
    settings = json.loads(path.read_text())
    del settings["current-context"]
    path.write_text(json.dumps(settings if current is None else settings | {"current-context": current}))
    with pytest.raises(UsageError, match=r"no current context(?s:.)*`cluster:CONTEXT`; it has `prod`"):
        connect(Access(kubeconfig=str(path)), "")
    assert connect(Access(kubeconfig=str(path)), "prod").host == server.url


# ---- proxies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("given", ["in the kubeconfig", "in the environment"])
def test_a_proxy(secure, serve, tmp_path, monkeypatch, scheme, given):
    server = secure() if scheme == "https" else serve(CLEAN.answer)[0]
    with Proxy() as proxy:
        more = {"proxy-url": f"http://{proxy.place}"} if given == "in the kubeconfig" else {}
        if not more:
            monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://{proxy.place}")
        assert len(held(read(write(tmp_path, server.url, **CA, **more)))) == WHOLE
        assert set(proxy.targets) == {server.url.partition("://")[2]}


def test_a_proxy_is_not_for_hosts_that_need_none(secure, tmp_path, monkeypatch):
    with Proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.place}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert not read(write(tmp_path, secure().url, **CA)).unread
        assert not proxy.targets


def test_a_proxy_that_asks_for_a_password(secure, tmp_path):
    with Proxy("Basic dTpwQHc=") as proxy:
        config = write(tmp_path, secure().url, **CA, **{"proxy-url": f"http://u:p%40w@{proxy.place}"})
        assert not read(config).unread
        with pytest.raises(InputError, match="407"):
            read(write(tmp_path, secure().url, **CA, **{"proxy-url": f"http://{proxy.place}"}))


def test_a_proxy_that_is_not_there_is_told(secure, tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read(write(tmp_path, secure().url, **CA, **{"proxy-url": "http://127.0.0.1:9"}))


# ---- what comes back -----------------------------------------------------------------------------------------------


def test_a_server_that_forgets_who_the_user_is_is_told(serve, tmp_path):
    """A token may expire while lists are read."""
    _, config = serve(CLEAN.answer, lambda r, _: status(401, "Unauthorized", "no") if "/v1/pods" in r.path else None)
    found = read(config)
    assert [item.plural for item in found.unread] == ["pods"]
    assert not found.unread[0].denied
