"""With DataExportAuth JWT the routes of the documents want a token of the issuer for the audience, and no other route does."""

import base64
import json
import os
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import gcd
from typing import NamedTuple

import pytest

from conftest import Stack
from deploy import TEMPLATE

DOCUMENTS = (
    "/export/data/event/e/program/p", "/event/e/export/data/program/p", "/export/data/event?event=e&program=p", "/event/e/edl/program/p/track/1",
    "/export/data/replay/1/event/e/program/p", "/replay/export/data/1/event/e/program/p", "/export/data/replay?id=1&event=e&program=p",
)


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def is_prime(number: int, source: random.Random) -> bool:
    """Whether it is a prime, for all that Miller and Rabin find in 20 rounds."""
    if any(number % small == 0 for small in (3, 5, 7, 11, 13, 17, 19, 23)):
        return False
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    return all(passes(pow(source.randrange(2, number - 1), odd, number), twos, number) for _ in range(20))


def passes(power: int, twos: int, number: int) -> bool:
    if power in (1, number - 1):
        return True
    return any((power := power * power % number) == number - 1 for _ in range(twos - 1))


class Key(NamedTuple):
    """An RSA key of 1,024 bits: small, for tests only."""

    modulus: int
    secret: int

    @classmethod
    def of(cls, seed: int) -> "Key":
        source = random.Random(seed)
        while True:
            one, other = (next(n for n in iter(lambda: source.getrandbits(512) | 1 << 511 | 1, 0) if is_prime(n, source)) for _ in range(2))
            order = (one - 1) * (other - 1)
            if gcd(65537, order) == 1:
                return cls(one * other, pow(65537, -1, order))

    def public(self) -> dict:
        size = (self.modulus.bit_length() + 7) // 8
        return {"kty": "RSA", "alg": "RS256", "kid": "1", "n": encoded(self.modulus.to_bytes(size, "big")), "e": "AQAB"}

    def token(self, **claims: object) -> str:
        content = ".".join(encoded(json.dumps(each).encode()) for each in ({"alg": "RS256", "kid": "1"}, claims))
        size = (self.modulus.bit_length() + 7) // 8
        digest = bytes.fromhex("3031300d060960864801650304020105000420") + sha256(content.encode()).digest()
        padded = b"\x00\x01" + b"\xff" * (size - 3 - len(digest)) + b"\x00" + digest
        return f"{content}.{encoded(pow(int.from_bytes(padded, 'big'), self.secret, self.modulus).to_bytes(size, 'big'))}"


@pytest.fixture(scope="module")
def issuer() -> Iterator[tuple[str, Key]]:
    """An issuer with its published key: OpenID Connect Discovery 1.0, section 4."""
    key = Key.of(1)

    class Published(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers = {"/.well-known/openid-configuration": {"issuer": url, "jwks_uri": f"{url}/keys"}, "/keys": {"keys": [key.public()]}}
            self.send_response(200 if self.path in answers else 404)
            self.end_headers()
            self.wfile.write(json.dumps(answers.get(self.path)).encode())

        def log_message(self, *_: object) -> None:
            """Logs nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Published)
    url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield url, key
    server.shutdown()


@pytest.fixture(scope="module")
def guarded(issuer, binaries, tmp_path_factory) -> Iterator[Stack]:
    """A stack that takes tokens of the issuer, which has no certificate here."""
    template = tmp_path_factory.mktemp("template") / "template.yaml"
    text = TEMPLATE.read_text(encoding="utf-8")
    assert "'^(https://.+)?$'" in text
    template.write_text(text.replace("'^(https://.+)?$'", "'^(http://.+)?$'"), encoding="utf-8")
    os.environ["LOCAL_CODE_DIR"] = str(tmp_path_factory.mktemp("code"))
    made = Stack(f"infra-tokens-{os.getpid()}", binaries)
    parameters = ("DataExportAuth=JWT", f"DataExportJwtIssuer={issuer[0]}", "DataExportJwtAudience=one,two")
    try:
        made.up("--template", str(template), *(word for each in parameters for word in ("--parameter", each)))
        yield made
    finally:
        made.command("down")


def ask(stack: Stack, path: str, token: str | None) -> tuple[int, dict]:
    request = urllib.request.Request(stack.env["API_URL"] + path, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, {}


def test_a_document_is_for_who_has_a_token_of_the_issuer_for_the_audience(guarded, issuer):
    url, key = issuer
    soon = int(time.time()) + 600
    good = {"iss": url, "sub": "ann", "exp": soon, "aud": "one"}
    for path in DOCUMENTS:
        status, answer = ask(guarded, path, key.token(**good))
        assert status == 200 and answer["event"]["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] == "ann", path
        assert ask(guarded, path, None)[0] == 401, path
    by_client = {name: value for name, value in good.items() if name != "aud"} | {"client_id": "two"}
    assert ask(guarded, DOCUMENTS[0], key.token(**by_client))[0] == 200
    refused = {
        "another audience": key.token(**good | {"aud": "three"}), "another issuer": key.token(**good | {"iss": "https://other.example"}),
        "too old": key.token(**good | {"exp": soon - 1200}), "signed by another key": Key.of(2).token(**good), "no token": "one.two.three",
    }
    assert {why: ask(guarded, DOCUMENTS[0], token)[0] for why, token in refused.items()} == dict.fromkeys(refused, 401)


def test_requests_for_clips_need_no_token(guarded):
    """They have the session."""
    assert ask(guarded, "/export/status", None)[0] == 200
