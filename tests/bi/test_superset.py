"""Superset with the demo's warehouse: each dashboard as a person sees it, its numbers, and the bundle there and back.

In headless Chromium (Debian: chromium, chromium-driver, fonts-noto-cjk). Pictures of what it saw are left in pytest's
temporary directory, whose path each run prints.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import psutil
import pytest
import yaml
from dotenv import dotenv_values
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import presence_of_element_located
from selenium.webdriver.support.ui import WebDriverWait

from baotu.settings import PROJECT
from tests.chromium import chromium
from tests.containers.engine import Containers
from tests.pipeline.test_demo import Installation

BUNDLE = PROJECT / "dashboards"
#: Slug -> what the bundle says of the dashboard.
DASHBOARDS = {
    found["slug"]: found
    for found in (yaml.safe_load(path.read_text(encoding="utf-8")) for path in BUNDLE.glob("dashboards/*.yaml"))
}

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """The demo, run once."""
    made = Installation()
    try:
        demo = made.baotu("demo")
        assert demo.returncode == 0, demo.stderr
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def url(installation: Installation) -> str:
    """Where Superset was started."""
    up = installation.baotu("bi", "up")
    found = re.search(r"Superset +(http://127\.0\.0\.1:\d+) .*user admin", up.stderr)
    assert up.returncode == 0 and found, up.stderr
    return found[1]


class Browser:
    """Chromium, signed in; high enough for a whole dashboard, since charts out of sight are not loaded."""

    def __init__(self, url: str, password: str) -> None:
        self.url, self.driver = url, chromium(1600, 5000)
        self.driver.get(f"{url}/login/")
        self.wait(presence_of_element_located((By.ID, "username"))).send_keys("admin")
        self.driver.find_element(By.ID, "password").send_keys(password)
        self.driver.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
        self.wait(lambda driver: "/login" not in driver.current_url)
        #: Who answered to what any page asked for.
        self.hosts: set[str] = set()
        #: Charts' data on its way, by request.
        self.coming: dict[str, dict[str, Any]] = {}

    def wait(self, condition: Any, seconds: float = 60) -> Any:
        return WebDriverWait(self.driver, seconds).until(condition)

    def open(self, slug: str, what: str = "data") -> dict[str, list[Any]]:
        """A dashboard: title of each chart -> the rows (or the SQL: `query`) of its queries, all answered with 200."""
        list(self._answers())  # of the page before
        self.driver.get(f"{self.url}/superset/dashboard/{slug}/")
        wanted = {
            part["meta"]["chartId"]: part["meta"]["sliceName"]
            for part in DASHBOARDS[slug]["position"].values()
            if isinstance(part, dict) and part["type"] == "CHART"
        }
        found: dict[str, list[Any]] = {}
        deadline = time.monotonic() + 120
        while len(found) < len(wanted) and time.monotonic() < deadline:
            time.sleep(0.5)
            for chart, answer in self._answers():
                found[wanted[chart]] = [query[what] for query in answer["result"]]
        assert set(found) == set(wanted.values())
        self.wait(lambda driver: not driver.find_elements(By.CSS_SELECTOR, "[data-test='loading-indicator']"))
        time.sleep(1)  # charts grow into their places
        return found

    def _answers(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Charts' data that came since the last look."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            told, request = message["params"], message["params"].get("requestId")
            if message["method"] == "Network.responseReceived":
                where = urlsplit(told["response"]["url"])
                if where.scheme.startswith("http"):
                    self.hosts.add(where.netloc)
                if where.path == "/api/v1/chart/data":
                    self.coming[request] = told["response"]
            elif message["method"] == "Network.loadingFinished" and (response := self.coming.pop(request, None)):
                form = json.loads(parse_qs(urlsplit(response["url"]).query).get("form_data", ["{}"])[0])
                if "slice_id" not in form:  # the values of a filter
                    continue
                with suppress(WebDriverException):  # of the page before
                    body = self.driver.execute_cdp_cmd("Network.getResponseBody", {"requestId": request})["body"]
                    assert response["status"] == 200, body
                    yield form["slice_id"], json.loads(body)


@pytest.fixture(scope="module")
def browser(installation: Installation, url: str) -> Iterator[Browser]:
    password = dotenv_values(installation.state / "credentials")["SUPERSET_ADMIN_PASSWORD"]
    assert password
    made = Browser(url, password)
    try:
        yield made
    finally:
        made.driver.quit()


def bundle(directory: Path) -> dict[str, Any]:
    return {
        str(path.relative_to(directory)): yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in directory.rglob("*.yaml")
    }


def superset_processes(installation: Installation) -> list[psutil.Process]:
    return [process for process in installation.processes() if any("gunicorn" in word for word in process.cmdline())]


def test_without_a_warehouse_it_says_what_to_do() -> None:
    empty = Installation()
    try:
        up = empty.baotu("bi", "up")
        assert up.returncode == 1 and "baotu up" in up.stderr and "Traceback" not in up.stderr, up.stderr
    finally:
        empty.stop()


def test_the_bundle_comes_back_as_it_is(installation: Installation, url: str, tmp_path: Path) -> None:
    """Imported and exported, nothing is lost; imported once more, nothing is added."""
    for directory in (tmp_path / "once", tmp_path / "twice"):
        exported = installation.baotu("bi", "export", str(directory))
        assert exported.returncode == 0, exported.stderr
        assert bundle(directory) == bundle(BUNDLE)
        again = installation.baotu("bi", "up")
        assert again.returncode == 0 and url in again.stderr, again.stderr


def test_it_listens_on_this_machine_only(installation: Installation, url: str) -> None:
    listening = [
        connection.laddr
        for process in superset_processes(installation)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening and {address.ip for address in listening} == {"127.0.0.1"}
    assert {f":{address.port}" for address in listening} == {url[-5:]}


def test_passwords_stay_where_they_are(installation: Installation, url: str) -> None:
    credentials = installation.state / "credentials"
    assert credentials.stat().st_mode & 0o777 == 0o600
    secrets = [str(dotenv_values(credentials)[name]) for name in ("BAOTU_BI_PASSWORD", "SUPERSET_ADMIN_PASSWORD")]
    for path in (installation.state / "superset").rglob("*"):
        assert path.is_dir() or not any(secret.encode() in path.read_bytes() for secret in secrets), path
    for process in superset_processes(installation):
        assert not any(secret in " ".join(process.cmdline()) for secret in secrets)


@pytest.mark.parametrize("slug", sorted(DASHBOARDS))
def test_every_chart_shows_rows(browser: Browser, slug: str, tmp_path: Path) -> None:
    charts = browser.open(slug)
    browser.driver.save_screenshot(str(tmp_path / f"{slug}.png"))
    print(f"\npicture: {tmp_path}")
    assert [title for title, queries in charts.items() if not all(queries)] == []
    assert browser.driver.find_elements(By.CSS_SELECTOR, ".ant-alert-error, [data-test='error-boundary']") == []
    page = browser.driver.find_element(By.TAG_NAME, "body").text
    assert DASHBOARDS[slug]["dashboard_title"] in browser.driver.title
    assert [title for title in charts if title not in page] == []


def test_numbers_are_those_of_the_marts(installation: Installation, browser: Browser) -> None:
    targets = browser.open("targets")
    (stand,) = targets["目标现状 Where targets stand"]
    lights = {"green": "● 绿", "yellow": "▲ 黄", "red": "✖ 红", "grey": "– 灰"}
    assert [
        (row["indicator_id"], number(row["value"]), number(row["denominator"]), row["light_zh"]) for row in stand
    ] == [
        (indicator, number(value), number(n), lights[light])
        for indicator, value, n, light in installation.query(
            "select indicator_id, value, denominator, light from marts.mart_target_tracking where is_current and"
            " is_headline and period_type = 'year' and period_start_on = '2022-01-01' order by indicator_id"
        )
    ]
    # The filter begins with the last month's end.
    (known,) = targets["各月末所知 As known at each month end"]
    assert {row["as_of_zh"] for row in known} == {"2022-12-31"}
    assert [(row["indicator_id"], number(row["value"]), number(row["denominator"])) for row in known] == [
        (indicator, number(value), number(n))
        for indicator, value, n in installation.query(
            "select indicator_id, value, denominator from marts.mart_target_tracking where not is_current and"
            " is_headline and period_type = 'year' and as_of_on = '2022-12-31' order by indicator_id"
        )
    ]
    rates = browser.open("pass-rates")
    (divisions,) = rates["区县与全市相比 Divisions beside the city"]
    assert {(row["unit_label_zh"], number(row["value"]), number(row["denominator"])) for row in divisions} == {
        (division, number(rate), number(n))
        for division, rate, n in installation.query(
            "select breakdown_label_zh, pass_rate_pct, judged_count from marts.mart_pass_rate where is_preferred"
            " and measure_code = 'FOOD_EVALUATION' and breakdown = 'division' and period_type = 'year'"
            " and period_start_on = '2022-01-01'"
        )
    }
    limits, counts = rates["月度控制图 Control chart"]
    assert [(number(row["合格率"]), number(row["控制下限"])) for row in limits] == [
        (number(value), number(low))
        for value, low in installation.query(
            "select value, limit_low from marts.mart_control_chart where measure_code = 'FOOD_EVALUATION'"
            " and value_basis = 'computed' order by period_start_on"
        )
    ]
    ((samples,),) = installation.query(
        "select sum(denominator) from marts.mart_control_chart where measure_code = 'FOOD_EVALUATION'"
        " and value_basis = 'computed'"
    )
    assert sum(row["判定批次 n"] for row in counts) == samples


def number(value: Any) -> Decimal | None:
    """A figure as both tell it: JSON's numbers are doubles."""
    return None if value is None else round(Decimal(str(value)), 9)


def test_it_speaks_english_too(browser: Browser) -> None:
    for language, word in (("en", "Dashboards"), ("zh", "看板")):
        browser.driver.get(f"{browser.url}/lang/{language}")
        browser.wait(lambda driver, word=word: word in driver.find_element(By.TAG_NAME, "body").text)


def test_nobody_else_answers(browser: Browser) -> None:
    """Not even where Superset's pages count their visits: its policy for pages, here narrower, has the browser block it."""
    assert browser.hosts == {urlsplit(browser.url).netloc}


def test_down_leaves_nothing(installation: Installation, url: str) -> None:
    down = installation.baotu("bi", "down")
    assert down.returncode == 0, down.stderr
    assert superset_processes(installation) == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health", trust_env=False)


def test_the_service_of_compose(installation: Installation) -> None:
    """Its own command in its own environment, of which only places are replaced; stopped as an engine stops it."""
    credentials = dotenv_values(installation.state / "credentials")
    postgres = urlsplit(str(credentials["BAOTU_BI_URL"]))
    values = {"BI_READER_PASSWORD": str(postgres.password), "SUPERSET_ADMIN_PASSWORD": "as-dotenv-says"}
    containers = Containers(postgres.port or 0, values)
    (containers.code / ".venv-bi").symlink_to(PROJECT / ".venv-bi")
    assert not containers.is_healthy("superset")
    containers.start("superset")
    try:
        containers.wait_until_healthy("superset")
        with httpx.Client(base_url=f"http://127.0.0.1:{containers.port}", trust_env=False) as http:
            deadline = time.monotonic() + 120
            while "importing the dashboards" not in containers.log("superset").read_text():
                assert time.monotonic() < deadline, containers.log("superset").read_text()[-4000:]
                time.sleep(1)
            login = {"username": "admin", "password": "as-dotenv-says", "provider": "db"}
            token = http.post("/api/v1/security/login", json=login).raise_for_status().json()["access_token"]
            while True:
                found = http.get("/api/v1/dashboard/", headers={"Authorization": f"Bearer {token}"}).json()["result"]
                if {dashboard["slug"] for dashboard in found} == set(DASHBOARDS):
                    break
                assert time.monotonic() < deadline, found
                time.sleep(1)
    finally:
        ended = containers.stop("superset")
    assert ended == 0, containers.log("superset").read_text()[-4000:]
    assert containers.processes() == []
