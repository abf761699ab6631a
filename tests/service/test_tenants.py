"""Tenants never see each other: every call of the API and every page, with the ids of somebody else."""

from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from starlette.testclient import TestClient

from service.commands.backfill import backfill
from service.commands.touchpoints import touchpoints
from tests.keys import bearer, make_key

THEIRS = {
    "id": "their-id",
    "text": "Agent was kind but nobody ever fixed my zebra.",
    "question": "What about quagga?",
    "touchpoint": "their.place",
    "channel": "okapi",
    "customer_id": "their-customer",
    "metadata": {"region": "tapir"},
    "scores": {"nps": 3},
}
OURS = {"id": "their-id", "text": "Checkout was easy.", "touchpoint": "our.place"}
MANY = 77
SAID = {
    "labels": {"add": ["poor_communication"], "remove": ["unresolved_issue"]},
    "actor": "gnu",
    "note": "eland",
}
# What is posted where: all of it is right, but for whose the comment is.
BODIES = {"/corrections": {"intent": "praise"}, "/v1/review": {"stream": "disputed", "id": "their-1"}}
# Their words and names, and how many comments they have: a sum over tenants tells of others, too.
MARKS = (
    "zebra",
    "quagga",
    "okapi",
    "tapir",
    "their.place",
    "their-customer",
    "gnu",
    "eland",
    f'"n":{MANY}',
    f"{MANY} comments",
    f",{MANY},",
)
# What a parameter of an address or a query is given: what is theirs, if anything of the kind is.
VALUES = {"stream": "disputed", "actor": "gnu", "customer_id": "their-customer", "touchpoint": "their.place"}
PAGES = [
    "/",
    "/all",
    "/all/drivers?metric=nps",
    "/heatmap",
    "/report",
    "/report?touchpoint=their.place",
    "/report?where=channel%3Dokapi",
    "/v1/exports/metrics.csv?grain=day",
    "/v1/exports/comments.csv?q=zebra",
    "/emerging",
    "/comments",
    "/comments?q=zebra",
    "/review",
    "/review?stream=disputed",
    "/touchpoints/their.place",
    "/touchpoints/their.place/drivers?metric=nps",
    "/drift",
    "/docs",
    "/openapi.json",
]


def calls(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Every call of the API, once for each of their ids in its address, with and without its query."""
    found = []
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            queries = [one["name"] for one in call.get("parameters", []) if one["in"] == "query"]
            theirs = "&".join(f"{name}={VALUES[name]}" for name in queries if name in VALUES)
            for id in ("their-id", "their.place", "*") if "{" in path else ("",):
                address = path.replace("{id:path}", id).replace("{id}", id).replace("{format}", "csv")
                assert "{" not in address, f"say in this test what stands for the parameter of {path}"
                found += [(method, address), (method, f"{address}?{theirs}")]
    return found


def view(client: TestClient, headers: dict[str, str]) -> list[Any]:
    """All that a tenant sees of its comments."""
    paths = (
        "/v1/comments",
        "/v1/touchpoints",
        "/v1/touchpoints/their.place/metrics?grain=day",
        "/v1/corrections",
        "/v1/review?stream=disputed",
        "/v1/review?stream=uncertain&limit=50",
        "/v1/review/agreement",
    )
    return [client.get(path, headers=headers).json() for path in paths]


@pytest.mark.parametrize("ours", [[], [OURS]], ids=["empty", "same id"])
def test_every_call_with_the_ids_of_another_tenant(
    client: TestClient, engine_of: sa.Engine, ours: list[dict[str, str]]
) -> None:
    their_headers = bearer(make_key(engine_of, "admin", tenant="theirs"))
    our_headers = bearer(make_key(engine_of, "admin", "metrics", tenant="ours"))
    theirs = [THEIRS, *(THEIRS | {"id": f"their-{number}"} for number in range(1, MANY))]
    assert not client.post("/v1/comments", json={"comments": theirs}, headers=their_headers).json()["errors"]
    corrected = client.post("/v1/comments/their-1/corrections", json=SAID, headers=their_headers)
    assert corrected.status_code == 200
    before = view(client, their_headers)
    assert before[1]["total"]["n"] == MANY
    assert "There are no comments yet" in client.get("/", headers=our_headers).text
    client.post("/v1/comments", json={"comments": ours}, headers=our_headers)
    walked = calls(client.get("/openapi.json", headers=our_headers).json())
    assert len(walked) > 20
    for method, address in [*walked, *(("get", page) for page in PAGES)]:
        ending = next((one for one in BODIES if address.split("?")[0].endswith(one)), None)
        body = {"comments": ours} if method == "post" else None
        if method == "post" and ending is not None:
            body = BODIES[ending]
        answer = client.request(method, address, json=body, headers=our_headers)
        assert answer.status_code < 500
        # A problem says which address was asked for; pages repeat what was searched.
        text = answer.text.replace(address.split("?")[0], "")
        for repeated in ("text: zebra", '"zebra"', "<b>okapi</b>", "channel okapi"):
            text = text.replace(repeated, "")
        assert not [mark for mark in MARKS if mark in text], (method, address, answer.text)
    assert view(client, their_headers) == before


def test_the_same_id_is_two_comments(client: TestClient, engine_of: sa.Engine) -> None:
    headers = [bearer(make_key(engine_of, "admin", tenant=name)) for name in ("one", "two")]
    for number, own in enumerate(headers):
        body = {"comments": [{"id": "a", "text": f"Checkout was easy {number}", "customer_id": "u"}]}
        assert (
            client.post("/v1/comments", json=body, headers=own).json()["results"][0]["outcome"] == "created"
        )
    assert client.delete("/v1/comments?customer_id=u", headers=headers[0]).json() == {"deleted": 1}
    assert client.get("/v1/comments/a", headers=headers[0]).status_code == 404
    assert client.get("/v1/comments/a", headers=headers[1]).json()["text"] == "Checkout was easy 1"


def test_metrics_of_all_tenants_need_a_key_of_their_own(client: TestClient, engine_of: sa.Engine) -> None:
    admin = bearer(make_key(engine_of, "admin", tenant="theirs"))
    assert client.get("/metrics", headers=admin).status_code == 403


def test_commands_work_on_one_tenant(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", f"sqlite:///{tmp_path / 'a.db'}")
    monkeypatch.setenv("LISTENWELL_MODEL", "weightless")
    file = tmp_path / "feedback.csv"
    file.write_text("id,text,touchpoint\na,Checkout was easy,order\n")
    done = CliRunner().invoke(backfill, [str(file), "--tenant", "shop"])
    assert (done.exit_code, "1 created" in done.stdout) == (0, True)
    assert "order" in done.stdout
    assert "order" in CliRunner().invoke(touchpoints, ["--tenant", "shop"]).stdout
    assert "No comments" in CliRunner().invoke(touchpoints, []).stdout
