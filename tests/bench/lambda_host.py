"""A place to run one function as Lambda does, and a stand-in for AWS that answers at once."""

import json
import os
import subprocess
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import TypeVar

Self = TypeVar("Self")
ARN = "arn:aws:lambda:us-east-1:000000000000:function:bench"


class Server(ThreadingHTTPServer):
    """On a free port of 127.0.0.1, until the block ends. `answer`: when it came, method, path, headers and body to
    status, headers and body."""

    daemon_threads = True

    def __init__(self, answer: Callable[..., tuple[int, dict, bytes]]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body in one segment, or Nagle's algorithm holds the body back.
            wbufsize = -1
            disable_nagle_algorithm = True

            def do(self) -> None:
                arrived = time.perf_counter()
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, text = answer(arrived, self.command, self.path, self.headers, body)
                self.send_response_only(status)
                for name, value in {"Content-Length": str(len(text)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_HEAD = do

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """A function that is ended cuts its connections."""

    def __enter__(self: Self) -> Self:
        Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class Aws:
    """Tables in memory; queues, buckets and buses that accept everything and hold nothing."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, dict]] = {}
        self.calls: Counter[str] = Counter()

    def put(self, table: str, item: dict) -> None:
        self.tables.setdefault(table, {})[self._key(item)] = item

    @staticmethod
    def _key(item: dict) -> str:
        return json.dumps([item.get(name) for name in ("pk", "sk")])

    def answer(self, _: float, method: str, path: str, headers: dict, body: bytes) -> tuple[int, dict, bytes]:
        action = headers.get("X-Amz-Target", f"{method} object").rpartition(".")[2]
        self.calls[action] += 1
        if "object" in action:
            return 404, {"Content-Type": "application/xml"}, b"<Error><Code>NoSuchKey</Code></Error>"
        reply = json.dumps(self._reply(action, json.loads(body or b"{}"))).encode()
        return 200, {"Content-Type": "application/x-amz-json-1.0"}, reply

    def _reply(self, action: str, asked: dict) -> dict:
        if action == "GetItem":
            found = self.tables.get(asked["TableName"], {}).get(self._key(asked["Key"]))
            return {"Item": found} if found else {}
        if action == "PutItem":
            self.put(asked["TableName"], asked["Item"])
            return {}
        if action == "SendMessage":
            return {"MessageId": "m", "MD5OfMessageBody": md5(asked["MessageBody"].encode()).hexdigest()}
        return {"Items": [], "Count": 0, "ScannedCount": 0, "Responses": {}, "FailedEntryCount": 0, "Entries": []}


class Host:
    """Runs a function's binary over Lambda's runtime API."""

    def __init__(self, binary: Path, env: dict[str, str]) -> None:
        self.events: Queue[bytes] = Queue()
        self.replies: Queue[tuple[float, bytes]] = Queue()
        self.handed = 0.0
        self._server = Server(self._answer)
        self._binary, self._env = binary, env

    def __enter__(self: Self) -> Self:
        self._server.__enter__()
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            **self._env,
            "AWS_LAMBDA_RUNTIME_API": self._server.address,
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
        }
        self.began = time.perf_counter()
        self._process = subprocess.Popen([self._binary], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        self.events.put(b"")
        self._server.__exit__(kind, error, trace)

    def peak_kib(self) -> int:
        """The process's highest resident memory."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

    def reply(self, timeout: float = 10) -> tuple[float, bytes]:
        """When the next reply came, and what it says."""
        return self.replies.get(timeout=timeout)

    def invoke(self, event: bytes) -> tuple[float, bytes]:
        """Seconds from handing out an event to its reply, and the reply."""
        self.events.put(event)
        arrived, reply = self.reply()
        return arrived - self.handed, reply

    def _answer(self, arrived: float, _: str, path: str, __: dict, body: bytes) -> tuple[int, dict, bytes]:
        if path.endswith("/next"):
            event = self.events.get()
            self.handed = time.perf_counter()
            return 200, self._headers(), event
        self.replies.put((arrived, body))
        return 202, {}, b""

    @staticmethod
    def _headers() -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": b64encode(os.urandom(12)).decode(),
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 29_000),
            "Lambda-Runtime-Invoked-Function-Arn": ARN,
        }
