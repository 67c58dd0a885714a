"""What is served beside the API."""

import json
import re

import pytest

from instance import CONSOLE_POLICY, ROOT
from pages import Pages


@pytest.fixture
def pages(tmp_path) -> Pages:
    console = tmp_path / "console"
    (console / "assets").mkdir(parents=True)
    (console / "index.html").write_text("index")
    (console / "assets" / "a-1.js").write_text("script")
    (tmp_path / "secret").write_text("x")
    (console / "link").symlink_to(tmp_path / "secret")
    return Pages(tmp_path / "docs.html", console, CONSOLE_POLICY, "http://127.0.0.1:9")


def test_the_console_is_served_with_its_policy_and_hashed_files_are_kept(pages):
    index, script = pages.find("/_console/"), pages.find("/_console/assets/a-1.js")
    assert (index.status, index.body, script.body) == (200, b"index", b"script")
    assert dict(index.headers)["cache-control"] == "no-cache" and "immutable" in dict(script.headers)["cache-control"]
    assert dict(script.headers)["content-type"].endswith("javascript")
    for page in (index, script):
        assert "connect-src 'self' http://127.0.0.1:9;" in dict(page.headers)["content-security-policy"]
    assert dict(pages.find("/_console").headers)["location"] == "/_console/"


@pytest.mark.parametrize("path", ["../secret", "link", "assets", "absent", "..", "/etc/passwd", "assets/../../secret"])
def test_nothing_outside_the_console_is_served(pages, path):
    assert pages.find(f"/_console/{path}") is None


def test_what_is_not_built_is_not_there(tmp_path):
    bare = Pages(tmp_path / "docs.html", tmp_path / "none", CONSOLE_POLICY, "")
    assert [bare.find(path) for path in ("/_docs", "/_console", "/_console/", "/export")] == [None] * 4


def test_the_policy_allows_no_script_from_elsewhere_and_none_in_the_page():
    policy = json.loads(CONSOLE_POLICY.read_text())["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert (rules["default-src"], rules["script-src"], rules["frame-ancestors"]) == ("'none'", "'self'", "'none'")
    assert "unsafe" not in policy and rules["require-trusted-types-for"] == "'script'"
    page = (ROOT / "infra" / "console" / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|https?://", page)
