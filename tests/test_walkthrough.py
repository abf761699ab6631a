"""One comment's way through the house, from the door to the page. Read this test first."""

from fastapi.testclient import TestClient

from service.app import create_app
from service.settings import Settings

COMMENT = {
    "id": "r-1041",
    "text": "Agent was kind but nobody ever fixed my bill.",
    "question": "What could we improve?",
    "touchpoint": "support.phone",
    "occurred_at": "2026-10-20T09:12:00Z",
    "scores": {"nps": 3, "csat": 2},
    "customer_id": "u_9f2",
}


def test_from_a_posted_comment_to_a_touchpoints_metrics(database_url: str) -> None:
    settings = Settings(database_url=database_url, model="weightless")
    with TestClient(create_app(settings)) as client:
        # The door takes it in, the pipeline tags it, the repository stores it.
        answer = client.post("/v1/comments", json={"comments": [COMMENT]}).json()
        assert answer["errors"] == []
        (analysis,) = answer["results"]
        assert analysis["outcome"] == "created"
        (issue,) = analysis["issues"]
        assert issue["id"] == "unresolved_issue"
        (quote,) = issue["evidence"]
        assert COMMENT["text"][quote["start"] : quote["end"]] == quote["text"] == "nobody ever fixed my bill"

        # Sent again, it is answered from the store and counted once.
        again = client.post("/v1/comments", json={"comments": [COMMENT]}).json()
        assert again["results"][0]["outcome"] == "replayed"

        # The metrics of its touchpoint are true to it. One answer is too few to show a value.
        metrics = client.get("/v1/touchpoints/support.phone/metrics").json()
        assert (metrics["n"], metrics["analyzed"], metrics["low_base"]) == (1, 1, True)
        assert metrics["nps"] == {"value": None, "ci95": None, "n": 1}
        assert metrics["issues"][0]["observed"]["count"] == 1

        # A manager reads the evidence.
        page = client.get("/touchpoints/support.phone").text
        assert "nobody ever fixed my bill" in page

        # Its customer asks to be forgotten: the comment goes, and the metrics follow.
        assert client.delete("/v1/comments", params={"customer_id": "u_9f2"}).json() == {"deleted": 1}
        assert client.get("/v1/comments/r-1041").status_code == 404
        assert client.get("/v1/touchpoints").json()["total"]["n"] == 0
