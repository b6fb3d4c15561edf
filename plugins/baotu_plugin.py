"""Baotu's page in Airflow's navigation: wiring only. What it shows is baotu.console's."""

import os
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin


class BaotuPlugin(AirflowPlugin):
    """Registers the page with the API server, for signed-in users."""

    name = "baotu"
    external_views: ClassVar[list[Any]] = [
        {
            "name": "趵突 Baotu",
            # Below Airflow's own base URL; with the slash, or the page's relative links would lose a level.
            "href": "baotu/",
            "destination": "nav",
            "nav_top_level": True,
            "url_route": "baotu",
        }
    ]

    # Scheduler, DAG processor and triggerer load plugins too, and need none of what a page imports.
    if os.environ.get("AIRFLOW_API_APPS"):
        from airflow.api_fastapi.core_api.security import requires_authenticated

        from baotu.console import make_app

        fastapi_apps: ClassVar[list[Any]] = [
            {"name": "baotu", "url_prefix": "/baotu", "app": make_app(requires_authenticated())}
        ]
