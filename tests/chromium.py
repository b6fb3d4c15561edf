"""Debian's headless Chromium, for tests that look at pages."""

import shutil

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.conftest import new_directory


def chromium(width: int, height: int) -> Chrome:
    """A browser with a profile of its own; what it asks the network for is in its performance log."""
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        pytest.fail("No browser: apt-get install chromium chromium-driver fonts-noto-cjk", pytrace=False)
    options = ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", f"--window-size={width},{height}"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={new_directory('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
