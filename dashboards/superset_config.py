"""Superset's settings for this installation; read by Superset in its own environment, started by `baotu bi up`.

What differs between installations comes from the environment that `baotu.superset` makes.
"""

import os
from copy import deepcopy
from typing import Any

from sqlalchemy.engine import URL, make_url
from superset.config import TALISMAN_CONFIG as SUPERSETS_TALISMAN_CONFIG

SECRET_KEY = os.environ["BAOTU_SUPERSET_SECRET_KEY"]
# One process writes it. Dashboards come from the bundle, and can be made again.
SQLALCHEMY_DATABASE_URI = f"sqlite:///{os.environ['BAOTU_SUPERSET_HOME']}/superset.db?timeout=30"

BABEL_DEFAULT_LOCALE = "zh"
LANGUAGES = {"zh": {"flag": "cn", "name": "中文"}, "en": {"flag": "us", "name": "English"}}
APP_NAME = "趵突 Baotu"

# Marts are swapped at each publication: what is shown is asked for, not remembered. (Superset warns where none is named.)
CACHE_CONFIG = DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
FILTER_STATE_CACHE_CONFIG = EXPLORE_FORM_DATA_CACHE_CONFIG = {
    "CACHE_TYPE": "SupersetMetastoreCache",
    "CACHE_DEFAULT_TIMEOUT": 90 * 24 * 3600,
}
# One process counts, and it may forget.
RATELIMIT_STORAGE_URI = "memory://"

# No page of it may ask another host for anything: fonts, maps, pictures that count.
TALISMAN_CONFIG = deepcopy(SUPERSETS_TALISMAN_CONFIG)
TALISMAN_CONFIG["content_security_policy"] |= {
    "img-src": ["'self'", "blob:", "data:"],
    "connect-src": ["'self'"],
    "style-src": ["'self'", "'unsafe-inline'"],
    "font-src": ["'self'"],
}


def DB_CONNECTION_MUTATOR(uri: URL, params: dict[str, Any], *_who: Any) -> tuple[URL, dict[str, Any]]:  # noqa: N802
    """The bundle's connection names no port and no password; this installation's takes its place.

    So an export is what was imported, Superset keeps no password, and PostgreSQL on another port needs no import.
    """
    if uri.username != "bi_reader":
        return uri, params
    return make_url(os.environ["BAOTU_BI_URL"]).set(drivername=uri.drivername), params
