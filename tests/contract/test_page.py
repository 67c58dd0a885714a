"""The API reference, as a browser shows it: needs npm and Chromium.

Without them these tests are skipped, except with `BROWSER=1`.
"""

import html
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.browser import chromium
from e2e.stack import ROOT

from .run import DOCUMENT

API = json.loads(DOCUMENT.read_text())
CONSOLE = re.compile(r'CONSOLE:\d+\] "(.*?)", source: ', re.DOTALL)
# What the renderer says of itself.
BANNER = "%c Redoc %c"


@dataclass(frozen=True)
class Showing:
    """A page as it stood in the end, the addresses that it asked for, and what it said on the console."""

    dom: str
    asked: set[str]
    console: list[str]

    @property
    def text(self) -> str:
        return html.unescape(re.sub("<[^>]+>", "", self.dom))


def show(url: str) -> Showing:
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        log = Path(profile) / "net.json"
        root = ("--no-sandbox",) if os.geteuid() == 0 else ()
        args = (
            chromium.executable(), *chromium.OPTIONS, *root, f"--user-data-dir={profile}", f"--log-net-log={log}",
            "--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom", url,
        )  # fmt: skip
        env = {**os.environ, "HOME": profile}
        ran = subprocess.run(args, env=env, capture_output=True, text=True, timeout=120, check=True)
        events = json.loads(log.read_text())["events"]
    requests = [event["params"] for event in events if {"url", "initiator"} <= set(event.get("params", {}))]
    # The browser's own requests come of no origin.
    asked = {each["url"] for each in requests if each["initiator"] != "not an origin"}
    return Showing(ran.stdout, asked, CONSOLE.findall(ran.stderr))


@pytest.fixture(scope="module", autouse=True)
def tools() -> None:
    missing = [name for name, there in (("npm", shutil.which("npm")), ("Chromium", chromium.executable())) if not there]
    if missing and os.environ.get("BROWSER") == "1":
        pytest.fail(f"BROWSER=1, but there is no {' and no '.join(missing)}")
    if missing:
        pytest.skip(f"there is no {' and no '.join(missing)}")


@pytest.fixture(scope="module")
def page(tools, caller) -> str:
    """The address of the page on the stack."""
    subprocess.run(["make", "--no-print-directory", "apidocs"], cwd=ROOT, check=True)
    return caller.stack.env["API_DOCS_URL"]


def test_the_page_shows_every_operation_and_asks_nobody_else(page):
    shown = show(page)
    assert "td code{white-space:nowrap}" in shown.dom, "a name breaks inside a narrow column"
    assert not {url for url in shown.asked if not url.startswith(page.rpartition("/")[0])}
    assert not [said for said in shown.console if BANNER not in said]
    for path, operations in API["paths"].items():
        assert path in shown.text, path
        for operation in operations.values():
            assert operation["summary"] in shown.text, operation["operationId"]


def test_a_page_that_asks_elsewhere_or_fails_is_noticed(tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<p>/export</p><img src="http://elsewhere.test/x.png"><script>nonsense()</script>')
    shown = show(page.as_uri())
    assert "http://elsewhere.test/x.png" in shown.asked
    assert shown.console == ["Uncaught ReferenceError: nonsense is not defined"]


def test_nothing_else_of_the_stack_is_shown_beside_the_page(caller):
    for path in ("/_docs/", "/_docs/../env", "/_ministack/ready"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(caller.stack.env["API_URL"] + path)
        refused.value.close()
        assert refused.value.code == 404, path
