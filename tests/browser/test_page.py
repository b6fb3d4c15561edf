"""The page as a person meets it: sign in, Airflow's navigation, from an indicator to a quarantined row, to the run.

Under the real API server and scheduler, in headless Chromium (Debian: chromium, chromium-driver, fonts-noto-cjk).
Pictures of what it saw are left in pytest's temporary directory, whose path each run prints.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import (
    element_to_be_clickable,
    frame_to_be_available_and_switch_to_it,
    presence_of_element_located,
    url_contains,
)
from selenium.webdriver.support.ui import WebDriverWait

from tests.chromium import chromium
from tests.pipeline.test_demo import Installation

FOOD = "food_spot_checks"
HEADER = "抽样编号,食品名称,被抽样单位名称,抽样所在区县,抽样日期,抽样类型,判定结论\n"
#: Of nobody.
MOBILE = "13998760001"
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}


def sample(number: str, day: str = "2022-05-03", result: str = "合格") -> str:
    return f"{number},面包,示例店,历下区,{day},评价性抽检,{result}\n"


class Browser:
    """Chromium, signed in; `frame` is Airflow's frame around our page."""

    def __init__(self, url: str, password: str, pictures: Path) -> None:
        self.url, self.pictures = url, pictures
        self.driver = chromium(1280, 1000)
        self.driver.get(url)
        self.wait(presence_of_element_located((By.NAME, "username"))).send_keys("admin")
        self.driver.find_element(By.NAME, "password").send_keys(password)
        self.driver.find_element(By.CSS_SELECTOR, "button[type=submit]").click()

    def wait(self, condition: Any, seconds: float = 30) -> Any:
        return WebDriverWait(self.driver, seconds).until(condition)

    def open(self) -> None:
        """Our page, by Airflow's navigation."""
        self.driver.switch_to.default_content()
        self.driver.get(self.url)
        self.wait(element_to_be_clickable((By.PARTIAL_LINK_TEXT, "Baotu"))).click()
        self.wait(frame_to_be_available_and_switch_to_it((By.TAG_NAME, "iframe")))
        self.wait(presence_of_element_located((By.ID, "indicators")))

    def click(self, selector: str, then: str) -> WebElement:
        """Follow a link within the frame, and wait for what the page behind it has."""
        self.wait(element_to_be_clickable((By.CSS_SELECTOR, selector))).click()
        found: WebElement = self.wait(presence_of_element_located((By.CSS_SELECTOR, then)))
        return found

    @property
    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "body").text

    def picture(self, name: str) -> None:
        self.driver.save_screenshot(str(self.pictures / f"{name}.png"))

    def fetched(self) -> list[str]:
        """Where the document and all that it asked for came from."""
        script = "return [location.href, ...performance.getEntriesByType('resource').map((entry) => entry.name)]"
        addresses: list[str] = self.driver.execute_script(script)
        return addresses


@pytest.fixture
def installation() -> Iterator[Installation]:
    """A state directory and a landing area; at the end nothing of it runs any more."""
    made = Installation()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def browser(installation: Installation, tmp_path: Path) -> Iterator[Browser]:
    """Signed in to an Airflow that has just been started, with nothing loaded."""
    up = installation.baotu("up")
    assert up.returncode == 0, up.stderr
    found = re.search(r"Airflow +(http://\S+) .*password (\S+)\)", up.stdout + up.stderr)
    assert found, up.stderr
    made = Browser(found[1], found[2], tmp_path)
    try:
        yield made
    finally:
        made.driver.quit()
        print(f"\npictures: {tmp_path}")


def deliver(installation: Installation) -> None:
    """One delivery with a row that is held back, one that is rejected, by the DAG; and what it publishes."""
    folder = installation.landing / FOOD
    folder.mkdir(parents=True, exist_ok=True)
    good = "".join(sample(f"A-{number}") for number in range(40))
    (folder / "食品抽检_20220710.csv").write_text(HEADER + good + sample("B-1", day=MOBILE), encoding="utf-8")
    bad = "".join(sample(f"C-{number}", result="？") for number in range(9))
    (folder / "食品抽检_20221010.csv").write_text(HEADER + bad, encoding="utf-8")
    time.sleep(6)  # the files have to come to rest
    run = installation.baotu("run", f"ingest_{FOOD}")
    judged = installation.query("select status, dag_run_id is not null from ops.delivery order by delivery_id")
    assert judged == [("accepted", True), ("rejected", True)], run.stderr
    deadline = time.monotonic() + 240
    published = "select 1 from ops.build where status = 'published'"
    while not installation.query(published) and time.monotonic() < deadline:
        time.sleep(1)
    assert installation.query(published)


@pytest.mark.timeout(900)
def test_from_an_indicator_to_a_quarantined_row(installation: Installation, browser: Browser) -> None:
    browser.open()
    assert "尚无任何发布的数据" in browser.text
    browser.picture("empty")

    deliver(installation)
    browser.open()
    assert "2 严重" not in browser.text and "1 严重 critical" in browser.text
    browser.picture("overview")

    browser.click("a[href$='/indicators/Q03']", "#periods")
    browser.picture("indicator")
    browser.click("a[href$='#held']", "#held")
    browser.picture("delivery")
    browser.click("a[href$='/rules/FSC003']", "code")
    assert "第 42 行" in browser.text and "###########" in browser.text and MOBILE not in browser.driver.page_source
    browser.picture("rows")
    # No network: all of it came from this installation.
    assert all(address.startswith(browser.url) for address in browser.fetched())

    # Out of the frame, to the run that brought it.
    browser.wait(element_to_be_clickable((By.CSS_SELECTOR, "a[target=_top]"))).click()
    browser.driver.switch_to.default_content()
    browser.wait(url_contains(f"/dags/ingest_{FOOD}/runs/"))

    # The rejected delivery, and a phone: no page is wider than it.
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    pages = ("", "indicators/Q03", "deliveries", "deliveries/1", "deliveries/2", "deliveries/1/rules/FSC003", "alerts")
    for path in pages:
        browser.driver.get(f"{browser.url}/baotu/{path}")
        browser.picture(f"phone {path.replace('/', ' ') or 'overview'}")
        width = browser.driver.execute_script("return document.documentElement.scrollWidth")
        assert width <= PHONE["width"], path
    browser.driver.get(f"{browser.url}/baotu/deliveries/2")
    assert "不予采用" in browser.text
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.picture("red")

    errors = [entry["message"] for entry in browser.driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert [message for message in errors if "/baotu" in message] == []
