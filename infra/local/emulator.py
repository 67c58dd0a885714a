"""Run ministack with what the local stack needs beside it. Started by instance.py; configured by environment variables.

Two ports: GATEWAY_PORT answers as AWS, API_PORT is the root of the deployed HTTP API, so that its URL is as clean as in AWS.

The patches are to ministack 1.5.33, the version in requirements.txt; each says what it mends.
"""

import asyncio
import functools
import hashlib
import json
import os
import re
import signal
import socketserver
import string
import subprocess
import types
from pathlib import Path
from urllib.parse import unquote

# Stock waits ~40 ms for a delayed ACK on each answer of the Lambda runtime API.
socketserver.StreamRequestHandler.disable_nagle_algorithm = True

from hypercorn.asyncio import serve  # noqa: E402
from hypercorn.config import Config  # noqa: E402
from ministack import app as ministack  # noqa: E402
from ministack.core import iam_actions, iam_evaluator, lambda_runtime  # noqa: E402
from ministack.services import apigateway, dynamodb, lambda_svc, s3  # noqa: E402
from ministack.services.cloudformation import provisioners  # noqa: E402

from pages import Pages  # noqa: E402

# Where HTTP APIs live in AWS; functions see it as their Host.
AWS_DOMAIN = "us-east-1.amazonaws.com"
API_DOMAIN = f"execute-api.{AWS_DOMAIN}"
# Names of the emulator's own settings, which functions must not see.
SETTINGS = frozenset(os.environ.get("EMULATOR_SETTINGS", "").split(","))


class FunctionProcesses:
    """Starts each function in a process group of its own and ends whole groups.

    Stock signals only the bootstrap, so its children (ffmpeg) would outlive a timeout, a crash or the end of the stack.
    """

    def __init__(self) -> None:
        self._groups: set[int] = set()

    def start(self, *args, **kwargs) -> subprocess.Popen:
        kwargs["start_new_session"] = True
        if kwargs.get("env"):
            kwargs["env"] = {k: v for k, v in kwargs["env"].items() if k not in SETTINGS}
        process = subprocess.Popen(*args, **kwargs)
        self._groups.add(process.pid)
        return process

    def stop(self, process: subprocess.Popen | None) -> None:
        if process is not None:
            self._kill(process.pid)

    def stop_all(self) -> None:
        for group in list(self._groups):
            self._kill(group)

    def _kill(self, group: int) -> None:
        if group not in self._groups:
            return
        self._groups.discard(group)
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            pass


def with_integer_concurrency(handler):
    """A Number parameter reaches an event source mapping as text, which its poller cannot compare."""

    def handle(*args):
        for properties in args:
            scaling = properties.get("ScalingConfig") if isinstance(properties, dict) else None
            if scaling and "MaximumConcurrency" in scaling:
                scaling["MaximumConcurrency"] = int(scaling["MaximumConcurrency"])
        return handler(*args)

    return handle


def with_cors(handler):
    """Stock keeps an API's CORS configuration under the names that a template has, and looks for those of the API."""

    def handle(*args):
        for properties in args:
            cors = properties.get("CorsConfiguration") if isinstance(properties, dict) else None
            for name in [*(cors or {})]:
                cors[name[0].lower() + name[1:]] = cors[name]
        return handler(*args)

    return handle


def with_excluded_punctuation(secret_string):
    """Stock generates secrets with punctuation where the template excludes it; a quote in one breaks the environment file."""

    def handle(properties):
        rules = properties.get("GenerateSecretString") or {}
        if str(rules.get("ExcludePunctuation", "")).lower() == "true":
            excluded = rules.get("ExcludeCharacters", "") + string.punctuation
            properties = {**properties, "GenerateSecretString": {**rules, "ExcludeCharacters": excluded}}
        return secret_string(properties)

    return handle


def with_plain_alarms(handler):
    """Stock refuses alarms on an expression; here they watch the first of its metrics."""

    def handle(*args):
        for properties in args:
            metrics = properties.pop("Metrics", None) if isinstance(properties, dict) else None
            if metrics:
                first = next(each["MetricStat"] for each in metrics if "MetricStat" in each)
                properties.update(first["Metric"], Statistic=first["Stat"], Period=first["Period"])
        return handler(*args)

    return handle


def with_partition_conditions(evaluate):
    """Stock parses a query's condition anew for each row of the partition: with 20,000 rows a page takes most of a second.

    Every row it asks about is of the partition already; without a second clause there is nothing left to compare.
    """

    def handle(expression, *args, slot="ConditionExpression"):
        if slot == "KeyConditionExpression" and " AND " not in expression.upper():
            return True
        return evaluate(expression, *args, slot=slot)

    return handle


def with_record(enforce, path: str):
    """Write each new decision about a role to `path`, as lines of JSON."""
    seen = set()
    open(path, "a", encoding="utf-8").close()

    @functools.wraps(enforce)
    def handle(access_key_id, action, *args, resource_arn="*", **kwargs):
        denied = enforce(access_key_id, action, *args, resource_arn=resource_arn, **kwargs)
        identity = iam_evaluator.resolve_caller_identity(access_key_id) or {}
        caller = identity.get("userArn", "")
        if ":assumed-role/" in caller:
            _, role, session = caller.split("/")
            decision = {"role": role, "session": session, "action": action, "resource": resource_arn}
            if narrowed := (identity.get("session") or {}).get("SessionPolicies"):
                decision["policy"] = narrowed["Policy"]
            line = json.dumps({**decision, "allowed": denied is None})
            if line not in seen:
                seen.add(line)
                with open(path, "a", encoding="utf-8") as file:
                    file.write(line + "\n")
        return denied

    return handle


def with_absence_hidden(handle_request):
    """Who may not list a bucket learns of no absent object in it but that it is forbidden; stock answers 404. The key that was
    asked for counts as the listing's prefix."""

    @functools.wraps(handle_request)
    async def handle(method, path, headers, body, query_params, *args, **kwargs):
        answer = await handle_request(method, path, headers, body, query_params, *args, **kwargs)
        bucket, _, key = path.lstrip("/").partition("/")
        if answer[0] == 404 and key and method in ("GET", "HEAD"):
            caller = ministack.extract_access_key_id(headers, query_params)
            arn = f"arn:aws:s3:::{bucket}"
            region, context = ministack.extract_region(headers), {"s3:prefix": unquote(key)}
            if iam_evaluator.enforce(caller, "s3:ListBucket", "s3", region, resource_arn=arn, service_context=context):
                return s3._error("AccessDenied", "Access Denied", 403, path)
        return answer

    return handle


def with_strangers_refused(handle_request):
    """No bucket of the stack is public. Where roles are not enforced, stock answers requests without credentials as well."""

    @functools.wraps(handle_request)
    async def handle(method, path, headers, body, query_params, *args, **kwargs):
        _, key = s3._parse_bucket_key(path, headers)
        known = kwargs.get("internal") or method == "OPTIONS" or s3._request_access_key(method, key, headers, query_params, body)
        if not known:
            return s3._error("AccessDenied", "Access Denied", 403, path)
        return await handle_request(method, path, headers, body, query_params, *args, **kwargs)

    return handle


def with_creation_conditions(service_context):
    """Stock knows no condition keys of conditional writes, on which the export bucket's policy rests."""

    @functools.wraps(service_context)
    def handle(iam_action, query_params, path="", headers=None):
        context = service_context(iam_action, query_params, path, headers)
        if iam_action == "s3:PutObject":
            # The start of an upload and its parts create no object, its completion does.
            creates = not {"uploads", "partNumber"} & set(query_params or {})
            context["s3:ObjectCreationOperation"] = str(creates).lower()
            for name in ("if-match", "if-none-match"):
                if value := (headers or {}).get(name):
                    context[f"s3:{name}"] = value
        return context

    return handle


def is_signed(token: str, key: dict) -> bool:
    """Whether an RSA key of a JWK set signed a token (RS256: RFC 7518, section 3.3; RFC 8017, section 8.2.2).

    Stock wants the package cryptography and refuses every token without it.
    """
    content, _, signature = token.rpartition(".")
    modulus, exponent, number = (int.from_bytes(apigateway._b64url_decode(each), "big") for each in (key["n"], key["e"], signature))
    size = (modulus.bit_length() + 7) // 8
    # The digest's algorithm, in DER.
    digest = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(content.encode()).digest()
    padded = b"\x00\x01" + b"\xff" * (size - 3 - len(digest)) + b"\x00" + digest
    return number < modulus and pow(number, exponent, modulus).to_bytes(size, "big") == padded


def with_announced_checksums(upload_part):
    """S3 takes only parts with a checksum of the algorithm that their upload has announced; stock takes any and none."""

    @functools.wraps(upload_part)
    def handle(bucket, key, body, query_params, headers):
        upload = s3._multipart_uploads.get(s3._qp(query_params, "uploadId"))
        named = {name.removeprefix("x-amz-checksum-") for name in headers if name.startswith("x-amz-checksum-")}
        announced = ((upload or {}).get("checksum_algorithm") or "null").lower()
        if upload is not None and (named or announced != "null") and named != {announced}:
            actual = ", ".join(sorted(named)) or "null"
            why = f"Checksum Type mismatch occurred, expected checksum Type: {announced}, actual checksum Type: {actual}"
            return s3._error("InvalidRequest", why, 400, f"/{bucket}/{key}")
        return upload_part(bucket, key, body, query_params, headers)

    return handle


def with_named_checksums(complete):
    """S3 makes an object only of parts whose checksums are named if their upload has announced an algorithm; stock of any."""

    @functools.wraps(complete)
    def handle(bucket, key, body, query_params, headers=None):
        upload = s3._multipart_uploads.get(s3._qp(query_params, "uploadId")) or {}
        if algorithm := upload.get("checksum_algorithm"):
            parts = body.decode("utf-8", "replace").split("<Part>")[1:]
            for number, part in enumerate(parts, 1):
                if f"<Checksum{algorithm}>" not in part:
                    why = (
                        f"The upload was created using a {algorithm.lower()} checksum. The complete request must include the "
                        f"checksum for each part. It was missing for part {number} in the request."
                    )
                    return s3._error("InvalidRequest", why, 400, f"/{bucket}/{key}")
        return complete(bucket, key, body, query_params, headers)

    return handle


def patch(processes: FunctionProcesses) -> None:
    """Apply the changes to ministack."""
    dynamodb._evaluate_condition = with_partition_conditions(dynamodb._evaluate_condition)
    s3._upload_part = with_announced_checksums(s3._upload_part)
    s3._complete_multipart_upload = with_named_checksums(s3._complete_multipart_upload)
    if ministack.AUTH:
        iam_evaluator.enforce = with_record(iam_evaluator.enforce, os.environ["DECISIONS_FILE"])
        s3.handle_request = with_absence_hidden(s3.handle_request)
        iam_actions.s3_service_context = with_creation_conditions(iam_actions.s3_service_context)
    else:
        s3.handle_request = with_strangers_refused(s3.handle_request)
    mapping = provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]
    for operation in ("create", "update"):
        mapping[operation] = with_integer_concurrency(mapping[operation])
    api = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
    for operation in ("create", "update"):
        api[operation] = with_cors(api[operation])
    provisioners._sm_secret_string = with_excluded_punctuation(provisioners._sm_secret_string)
    alarm = provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::Alarm"]
    for operation in ("create", "update"):
        if operation in alarm:
            alarm[operation] = with_plain_alarms(alarm[operation])
    # Stock takes no message of any job for a second after one invocation has failed.
    lambda_svc._ESM_BACKOFF_SECONDS = 0.1
    # A function that logs nothing costs each call 50 ms of waiting for log lines.
    lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (0.005, 0.002, 0.25)
    lambda_runtime.subprocess = types.SimpleNamespace(**{**vars(subprocess), "Popen": processes.start})
    lambda_runtime._signal = processes.stop
    # Stock looks below its own host, an address here, and <id>.execute-api.127.0.0.1 is no valid host for a function.
    ministack._EXECUTE_API_RE = re.compile(rf"^([a-f0-9]{{8}})\.{re.escape(API_DOMAIN)}$")
    apigateway._HOST = AWS_DOMAIN
    apigateway._verify_rs256_signature = is_signed


def with_api_root(api_port: int, api_id_file: str, pages: Pages):
    """Wrap ministack so that requests to `api_port` reach the HTTP API whose id is in `api_id_file`, but for those of
    `pages`."""

    async def app(scope, receive, send):
        if scope["type"] != "http" or scope["server"][1] != api_port:
            await ministack.app(scope, receive, send)
            return
        try:
            with open(api_id_file, encoding="ascii") as file:
                api_id = file.read().strip()
        except FileNotFoundError:
            api_id = ""
        if page := pages.find(scope["path"]):
            headers = [(name.encode(), value.encode()) for name, value in page.headers]
            await _answer(send, page.status, page.body, headers)
            return
        # Paths that begin so are the emulator's own.
        if not api_id or scope["path"].startswith("/_"):
            await _answer(send, 404, b'{"message":"Not Found"}', [(b"content-type", b"application/json")])
            return
        host = f"{api_id}.{API_DOMAIN}".encode()
        headers = [(k, v) for k, v in scope["headers"] if k != b"host"] + [(b"host", host)]
        await ministack.app({**scope, "headers": headers}, receive, send)

    return app


async def _answer(send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def run(processes: FunctionProcesses) -> None:
    def end() -> None:
        # At once: a graceful end would wait for every invocation under way, and nothing is kept anyway.
        processes.stop_all()
        os._exit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
    gateway, api = int(os.environ["GATEWAY_PORT"]), int(os.environ["API_PORT"])
    config = Config()
    config.bind = [f"127.0.0.1:{gateway}", f"127.0.0.1:{api}"]
    config.keep_alive_timeout = 75
    # A trigger of our own, never pulled: else hypercorn replaces the signal handlers.
    docs, console, policy = (Path(os.environ[name]) for name in ("API_DOCS_FILE", "CONSOLE_DIR", "CONSOLE_POLICY_FILE"))
    pages = Pages(docs, console, policy, f"http://127.0.0.1:{gateway}")
    await serve(with_api_root(api, os.environ["API_ID_FILE"], pages), config, shutdown_trigger=asyncio.Event().wait)


def main() -> None:
    processes = FunctionProcesses()
    patch(processes)
    asyncio.run(run(processes))


if __name__ == "__main__":
    main()
