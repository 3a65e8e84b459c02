"""`netcheck trace` as a user runs it: exit codes, many requests at once, and requests files that cannot be used."""

from __future__ import annotations

import io
import json
import sys

import jsonschema
import pytest

from netcheck.cli.main import main
from netcheck.cli.schema_of import FOLDER
from tests.cli.running import ROOT

TRACE = ["trace", "testdata/trace"]
REQUESTS = "testdata/trace-requests.json"


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--to", "http://shop.example.com/cart"], 0),
        (["--to", "http://shop.example.com/none"], 1),
        (["--to", "http://elsewhere.example.com/"], 4),
        (["--to", "http://elsewhere.example.com/", "--allow-incomplete"], 1),
        (["--to", "svc:shop/nothing"], 2),
        (["--from", "shop/cart"], 2),
        (["--to", "http://cart/", "--header", "no colon"], 2),
        (["--to", "ftp://cart/"], 2),
        (["--to", "http://cart/", "--gateway", "infra"], 2),
        (["--to", "http://cart/", "--requests", REQUESTS], 2),
    ],
)
def test_the_exit_code_tells_what_became_of_it(words, code, capsys):
    assert main([*TRACE, *words]) == code
    assert "Traceback" not in capsys.readouterr().err


def test_many_requests_are_answered_in_their_order_and_as_the_schema_says(capsys):
    code = main([*TRACE, "--requests", REQUESTS, "-o", "json"])
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, json.loads((FOLDER / "Traces.json").read_text(encoding="utf-8")))
    assert code == 1
    assert document["kind"] == "Traces"
    assert [item["delivered"] for item in document["traces"]] == ["yes", "no", "no", "yes", "no"]
    assert [item["status"] for item in document["traces"]] == [200, 301, None, 200, None]


def test_one_request_gives_a_document_of_one_trace(capsys):
    main([*TRACE, "--to", "http://shop.example.com/old", "-o", "json"])
    (found,) = json.loads(capsys.readouterr().out)["traces"]
    redirect = {"scheme": "https", "host": "shop.example.com", "port": 443, "path": "/", "status": 301}
    assert found["redirect"] == redirect
    assert found["route"]["rule"] == 1


def test_requests_may_come_by_stdin(monkeypatch, capsys):
    text = json.dumps([{"host": "shop.example.com", "path": "/cart"}]).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert main([*TRACE, "--requests", "-", "-q"]) == 0
    assert capsys.readouterr().out.startswith("delivered  internet -> shop.example.com/cart")


def test_no_request_is_no_answer_but_a_document(tmp_path, capsys):
    path = tmp_path / "none.json"
    path.write_text("[]")
    assert main([*TRACE, "--requests", str(path), "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["traces"] == []


HOSTILE = {
    "": "is not JSON",
    "{": "is not JSON",
    "[" * 100_000: "is not JSON",
    "{}": "must be a JSON list of requests, not an object",
    "null": "must be a JSON list of requests, not null",
    '["x"]': "requests.json[0]` must be an object, not text",
    '[{}, {"to": "a", "frm": "b"}]': "requests.json[1]` has a key `frm` that no request has",
    '[{"to": 1}]': "requests.json[0]`: `to` must be text, not a number",
    '[{"to": "a", "from": ["b"]}]': "`from` must be text, not a list",
    '[{"to": "a", "port": "80"}]': "`port` must be a number from 1 to 65535",
    '[{"to": "a", "port": 0}]': "`port` must be a number from 1 to 65535",
    '[{"to": "a", "port": true}]': "`port` must be a number from 1 to 65535",
    '[{"to": "a", "port": 1e9}]': "`port` must be a number from 1 to 65535",
    '[{"to": "a", "headers": ["x"]}]': "`headers` must be an object of names and values, not a list",
    '[{"to": "a", "headers": {"x": 1}}]': "`headers.x` must be text or a list of texts",
    '[{"to": "a", "headers": {"x y": "1"}}]': "`x y` is no name of a header",
    '[{"to": "a", "headers": {"x": "1\\r\\ny: 2"}}]': "`headers.x` must be text",
    '[{"to": "a\\u0000b"}]': "`to` has a control character in it",
    '[{"to": "a", "protocol": "gopher"}]': "unknown protocol `gopher`",
    '[{"to": "a", "path": "x"}]': "path `x` must start with `/`",
    '[{"to": "a", "gateway": "x"}]': "gateway `x` must be written `namespace/name`",
    '[{"to": "http://"}]': "is no URL",
    '[{"to": "http://a:99999/"}]': "`http://a:99999/` is no URL: port out of range 0-65535",
    '[{"to": "http://[::1/"}]': "is no URL",
    '[{"to": "svc:shop/cart:99999"}]': "is no port",
    '[{"to": "svc:"}]': "is no destination",
    '[{"host": "a b"}]': "is no host name",
    '[{"from": "nobody/x", "to": "http://cart/"}]': "requests.json[0]`: `nobody/x` names no loaded workload or pod",
    '[{"to": "http://cart/"}, {"to": "svc:shop/none"}]': "requests.json[1]`: `svc:shop/none` names no loaded Service",
    '[{"from": "ingress:shop/x", "to": "cart"}]': "`shop/x` names no loaded Ingress\n  hint: the input has no Ingress",
}


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:40])
def test_a_requests_file_that_cannot_be_used_says_which_entry_and_why(text, tmp_path, monkeypatch, capsys):
    path = tmp_path / "requests.json"
    path.write_text(text)
    assert main([*TRACE, "--requests", str(path)]) == 2
    told = capsys.readouterr().err
    assert HOSTILE[text] in told
    assert "Traceback" not in told


@pytest.mark.parametrize("content", [b"\xff\xfe[", b"\x00"])
def test_a_requests_file_that_is_no_text_is_refused(content, tmp_path, capsys):
    path = tmp_path / "requests.json"
    path.write_bytes(content)
    assert main([*TRACE, "--requests", str(path)]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_requests_file_that_is_not_there_is_refused(tmp_path, capsys):
    assert main([*TRACE, "--requests", str(tmp_path / "none")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_a_list_without_requests_says_so(tmp_path, capsys):
    path = tmp_path / "requests.json"
    path.write_text("[]")
    assert main([*TRACE, "--requests", str(path)]) == 0
    assert capsys.readouterr().out.startswith("no requests\n")


def test_from_outside_a_short_name_hints_at_the_service_that_pods_mean_by_it(capsys):
    assert main([*TRACE, "--to", "http://cart/"]) == 4
    told = " ".join(capsys.readouterr().out.split())
    assert "pods may mean Service shop/cart by it: --from says who asks" in told


def test_only_what_speaks_http_has_a_status(capsys):
    assert main([*TRACE, "--from", "shop/cart", "--to", "svc:shop/db:5432"]) == 0
    assert "status" not in capsys.readouterr().out
    assert main([*TRACE, "--to", "http://shop.example.com/cart"]) == 0
    assert "status 200" in capsys.readouterr().out


INGRESS = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: a, labels: {app: web}}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: a}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: a}
spec:
  defaultBackend: {service: {name: web, port: {number: 80}}}
  rules:
  - host: web.example.com
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
"""


@pytest.mark.parametrize(
    ("host", "told"),
    [("web.example.com", "rule 0, match 0 takes it (ING-6)"), ("x.org", "the default backend takes it (ING-9)")],
)
def test_what_of_an_ingress_takes_a_request_is_told_by_the_rules_of_ingresses(host, told, tmp_path, capsys):
    path = tmp_path / "ingress.yaml"
    path.write_text(INGRESS)
    assert main(["trace", str(path), "--to", f"http://{host}/"]) == 0
    assert told in capsys.readouterr().out
