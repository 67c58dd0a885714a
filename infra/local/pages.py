"""What the local stack serves beside the API: the API reference and the console."""

from __future__ import annotations

import json
import mimetypes
from dataclasses import dataclass
from pathlib import Path

PAGES = ("/_docs", "/_console")


@dataclass(frozen=True)
class Page:
    """An answer."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Pages:
    """`docs`: the file of the reference; `console`: the folder of the console, and `policy` the file with its headers, where
    `{storage}` stands for the origin of the buckets."""

    docs: Path
    console: Path
    policy: Path
    storage: str

    def find(self, path: str) -> Page | None:
        """The answer to a path; None if it is no page's."""
        if path == "/_docs" and self.docs.is_file():
            return Page(200, self.docs.read_bytes(), (("content-type", "text/html; charset=utf-8"),))
        if path == "/_console" and self.console.is_dir():
            return Page(308, headers=(("location", "/_console/"),))
        if path.startswith("/_console/"):
            return self._file(path.removeprefix("/_console/") or "index.html")
        return None

    def _file(self, name: str) -> Page | None:
        root = self.console.resolve()
        file = (root / name).resolve()
        if not file.is_relative_to(root) or not file.is_file():
            return None
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        kept = "public, max-age=31536000, immutable" if name.startswith("assets/") else "no-cache"
        return Page(200, file.read_bytes(), (("content-type", kind), ("cache-control", kept), *self.policies()))

    def policies(self) -> list[tuple[str, str]]:
        """The headers that keep the console from what it does not need."""
        named = json.loads(self.policy.read_text(encoding="utf-8"))
        return [(name, value.replace("{storage}", self.storage)) for name, value in named.items()]
