"""Headless Chromium without a driver: it opens a page of a server here, and the page posts what it saw."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import ChainMap
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue

from media.marks import CELL, COLUMNS, ROWS, read_code

HERE = Path(__file__).parent
NAMES = ("chromium", "chromium-browser", "google-chrome")
# A busy machine skips pictures that a clip does have: it is played until each was seen.
RATES = (0.5, 0.25, 0.25, 0.125)
TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".mp4": "video/mp4",
    ".m4s": "video/mp4",
    ".json": "application/json",
    ".mpd": "application/dash+xml",
    ".m3u8": "application/vnd.apple.mpegurl",
}
# Each player of playlists: its script in `node_modules`, and the playlist that it plays.
PLAYERS = {
    "hls.js": ("hls.js/dist/hls.min.js", "stream.m3u8"),
    "dash.js": ("dashjs/dist/modern/umd/dash.all.min.js", "stream.mpd"),
    "shaka": ("shaka-player/dist/shaka-player.compiled.js", "stream.mpd"),
}
RANGE = re.compile(r"bytes=(\d+)-(\d*)$")
OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
)


@dataclass(frozen=True)
class Picture:
    """A picture on display: its media time in seconds and the frame number in its pixels, None if unreadable."""

    time: float
    number: int | None


@dataclass(frozen=True)
class Showing:
    """What a browser made of a clip: each `plays` in order of presentation, `sought` in that of the times asked for."""

    duration: float
    size: tuple[int, int]
    plays: list[list[Picture]]
    sought: list[Picture]
    ranges: list[str]

    def played(self) -> list[Picture]:
        """Every picture that any of the plays showed, by media time."""
        return sorted({picture for play in self.plays for picture in play}, key=lambda picture: picture.time)


def executable() -> str | None:
    """`CHROMIUM`, else what is on the path."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def show(clip: Path, frames: int, seeks: Sequence[float] = (), timeout: float = 240) -> Showing:
    """Play an MP4 clip of so many frames to its end, then seek; raises RuntimeError when the browser cannot."""
    return _shown({"clip.mp4": clip.read_bytes()}, clip.name, {"frames": frames, "seeks": list(seeks)}, timeout)


def stream(
    player: str, files: dict[str, bytes], frames: int, seeks: Sequence[float] = (), timeout: float = 240
) -> Showing:
    """The same of a playlist and its segments, by one of `PLAYERS`, which finds what becomes of `files` meanwhile."""
    script, source = PLAYERS[player]
    task = {"player": player, "source": source, "frames": frames, "seeks": list(seeks)}
    with_player = ChainMap({"stream.js": (packages() / script).read_bytes()}, files)
    return _shown(with_player, f"the playlist in {player}", task, timeout)


@cache
def packages() -> Path:
    """The players' packages as `package-lock.json` pins them, installed on first use."""
    lock = (HERE / "package-lock.json").read_bytes()
    folder = HERE.parents[2] / ".cache" / "players" / sha256(lock).hexdigest()[:16]
    if not (folder / "node_modules").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL)
    return folder / "node_modules"


def _shown(files: MutableMapping[str, bytes], what: str, task: dict, timeout: float) -> Showing:
    task = {**task, "rates": RATES, "code": {"cell": CELL, "columns": COLUMNS, "rows": ROWS}}
    page = {path.name: path.read_bytes() for path in (HERE / "page.html", HERE / "player.js")}
    files = ChainMap({**page, "task.json": json.dumps(task).encode()}, files)
    with _served(files) as (url, results, ranges):
        with _browser(f"{url}/page.html") as browser:
            result = _wait(results, browser, timeout)
    if "error" in result:
        raise RuntimeError(f"the browser cannot play {what}: {result['error']}")
    return Showing(
        result["duration"],
        (result["width"], result["height"]),
        [_distinct(play) for play in result["plays"]],
        [_picture(frame) for frame in result["seeks"]],
        ranges,
    )


def _picture(frame: dict) -> Picture:
    return Picture(frame["time"], read_code(bytes(frame["cells"])))


def _distinct(frames: list[dict]) -> list[Picture]:
    """Pictures without those that follow an equal one: playing calls the first back again."""
    shown = [_picture(frame) for frame in frames]
    return [one for k, one in enumerate(shown) if k == 0 or one != shown[k - 1]]


def _wait(results: Queue, browser: subprocess.Popen, timeout: float) -> dict:
    for _ in range(int(timeout * 4)):
        try:
            return results.get(timeout=0.25)
        except Empty:
            if browser.poll() is not None:
                raise RuntimeError(f"the browser ended with {browser.returncode}") from None
    raise RuntimeError(f"the browser said nothing for {timeout} s")


@contextmanager
def _browser(url: str) -> Iterator[subprocess.Popen]:
    """A browser with a profile of its own, its processes ended in the end."""
    root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        args = [executable() or NAMES[0], *OPTIONS, *root, f"--user-data-dir={profile}", url]
        quiet, env = subprocess.DEVNULL, {**os.environ, "HOME": profile}
        process = subprocess.Popen(args, stdin=quiet, stdout=quiet, stderr=quiet, env=env, start_new_session=True)
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser breaks off what it no longer wants."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def _served(files: Mapping[str, bytes]) -> Iterator[tuple[str, Queue, list[str]]]:
    """(address, what is posted, the ranges asked for) of a server of these files."""
    results: Queue = Queue()
    ranges: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            if name not in files:
                self._reply(404, b"")
                return
            data, kind = files[name], {"Content-Type": TYPES[Path(name).suffix], "Accept-Ranges": "bytes"}
            asked = RANGE.match(self.headers.get("Range", ""))
            if not asked:
                self._reply(200, data, kind)
                return
            ranges.append(asked[0])
            first, last = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
            if first > last:
                self._reply(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
            kind["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            self._reply(206, data[first : last + 1], kind)

        def do_POST(self) -> None:
            results.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._reply(204, b"")

        def _reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            headers = {"Content-Length": str(len(body)), "Cache-Control": "no-store", **(headers or {})}
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", results, ranges
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
