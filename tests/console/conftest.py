"""The console in a browser, against one stack.

Skipped without npm or Chromium, except with `BROWSER=1`. `EXPORT_STACK_ENV=path` uses a running stack.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.browser import chromium
from e2e.stack import ROOT, Stack, started

HERE = Path(__file__).parent
CONSOLE = ROOT / "target" / "console"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    lacking = [name for name, found in (("npm", shutil.which("npm")), ("Chromium", chromium.executable())) if not found]
    if not lacking:
        return
    if os.environ.get("BROWSER") == "1":
        pytest.exit(f"BROWSER=1, but there is no {' and no '.join(lacking)}", returncode=1)
    for item in items:
        item.add_marker(pytest.mark.skip(reason=f"there is no {' and no '.join(lacking)}"))


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    given = os.environ.get("EXPORT_STACK_ENV")
    if given:
        yield Stack(Path(given))
        return
    with started(f"console-{os.getpid()}") as path:
        yield Stack(path)


@pytest.fixture(scope="session")
def journey(stack: Stack) -> Callable[..., object]:
    """Runs a journey and gives its result; what no journey may bring about fails it."""

    def run(name: str, *, session: str | None = stack.session_id, noticed: bool = True, timeout: int = 180, **task: object) -> object:
        task |= {"journey": name, "url": stack.env["CONSOLE_URL"], "storage": stack.env["AWS_ENDPOINT_URL"]}
        task |= {"session": session, "executable": chromium.executable()}
        ran = subprocess.run(
            ["node", str(HERE / "browser.mjs")], input=json.dumps(task), capture_output=True, text=True, timeout=timeout, check=False
        )
        assert ran.returncode == 0, ran.stderr
        seen = json.loads(ran.stdout)
        if noticed:
            assert {key: seen[key] for key in ("violations", "errors", "foreign")} == {"violations": [], "errors": [], "foreign": []}
        return seen["result"]

    return run
