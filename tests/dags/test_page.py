"""The page as Airflow mounts it: in the navigation, and for nobody who is not signed in."""

import pytest

from tests.dags.conftest import Airflow

WALK = """
import json
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Mount, Route
from airflow.api_fastapi.app import create_app

app = create_app()
(page,) = [route.app for route in app.routes if isinstance(route, Mount) and route.path == "/baotu"]

def paths(router, prefix):
    for route in router.routes:
        assert isinstance(route, Route), f"{route} is open to everybody"
        yield prefix + route.path

client = TestClient(app)
sample = {"indicator_id": "Q03", "delivery_id": "1", "rule": "FSC001"}
tried = [path.format(**sample) for path in paths(page, "/baotu")]
others = ["/baotu/docs", "/baotu/redoc", "/baotu/openapi.json", "/baotu/deliveries/not-a-number", "/baotu/nothing"]
answers = {}
for path in tried + others:
    for headers in ({}, {"Authorization": "Bearer forged"}, {"Cookie": "_token=forged"}):
        answer = client.get(path, headers=headers, follow_redirects=False)
        answers.setdefault(path, []).append(answer.status_code)
        assert "SHA-256" not in answer.text and "总览" in answer.text, path
print(json.dumps({"tried": tried, "answers": answers}))
"""
LOAD = """
import json, sys
from airflow import plugins_manager

(ours,) = [plugin for plugin in plugins_manager._get_plugins()[0] if plugin.name == "baotu"]
print(json.dumps({"apps": len(ours.fastapi_apps), "views": ours.external_views,
    "is_imported": "baotu.console" in sys.modules}))
"""


@pytest.mark.timeout(120)
def test_every_route_is_for_signed_in_users(airflow: Airflow) -> None:
    found = airflow.run(WALK, AIRFLOW_API_APPS="all")
    assert len(found["tried"]) >= 7
    for path in found["tried"]:
        anonymous, forged, cookie = found["answers"].pop(path)
        assert (anonymous, forged) == (401, 403), path
        assert cookie in (401, 403), path
    # What is no route shows nothing, to anybody.
    assert all(set(codes) <= {401, 403, 404} for codes in found["answers"].values()), found["answers"]
    assert set(found["answers"]["/baotu/docs"]) == {404}


def test_only_the_api_server_loads_the_page(airflow: Airflow) -> None:
    there, elsewhere = airflow.run(LOAD, AIRFLOW_API_APPS="all"), airflow.run(LOAD)
    assert (there["apps"], there["is_imported"]) == (1, True)
    assert (elsewhere["apps"], elsewhere["is_imported"]) == (0, False)
    (view,) = there["views"]
    assert elsewhere["views"] == there["views"]
    assert (view["destination"], view["nav_top_level"], view["href"]) == ("nav", True, "baotu/")
