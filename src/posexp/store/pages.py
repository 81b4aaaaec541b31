"""MLflow's pages as `posexp ui` serves them: a browser that is new lands on the runs.

Without this, MLflow opens a page for language models, and an assistant beside it that asks to be
set up. A group's own MLflow server has nothing of it.
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

PAGE = "POSEXP_UI_PAGE"
"""Names the variable with the page on which to land: the app is made in a process of MLflow's."""

_KEPT = {
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": True,
    "mlflow.settings.telemetry.enabled_v1": False,
    "mlflow.workflowType_v1": "machine_learning",
}
"""What MLflow's pages keep in the browser, as if it had been chosen; what was chosen stays."""

_SCRIPT = """<script>
for (const [key, value] of Object.entries(%s))
  if (localStorage.getItem(key) === null) localStorage.setItem(key, JSON.stringify(value));
if (["", "#", "#/"].includes(location.hash)) location.replace(%s);
</script>"""


def app() -> Any:
    """MLflow's server, an ASGI application, whose first page has a script of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Starlette's, about MLflow
        from mlflow.server import fastapi_app

    pages = fastapi_app.flask_app
    index = Path(pages.static_folder or "") / "index.html"
    if "serve" in pages.view_functions and index.is_file():
        script = _SCRIPT % (json.dumps(_KEPT), json.dumps(os.environ.get(PAGE, "")))
        text = index.read_text(encoding="utf-8").replace("<head>", f"<head>{script}", 1)
        pages.view_functions["serve"] = lambda: (text, {"Cache-Control": "no-cache"})
    return fastapi_app.app
