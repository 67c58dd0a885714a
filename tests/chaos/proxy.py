"""A proxy between the functions and AWS that knows what each request is, and can hurt a chosen one.

It runs on a thread of its own and speaks HTTP/1.1. A `Rule` says which request, a verb what happens to it.
"""

import asyncio
import contextlib
import json
import random
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace

import h11

from .calls import Call, classify, digest, file_name, job_named, step_of, written_item
from .processes import Processes, signal_tree

CHUNK = 256 << 10
HOP_BY_HOP = {b"connection", b"keep-alive", b"transfer-encoding", b"content-length", b"expect"}
THROTTLED = {
    "dynamodb": (400, "com.amazonaws.dynamodb.v20120810#ThrottlingException"),
    "sqs": (400, "com.amazonaws.sqs#RequestThrottled"),
    "s3": (503, "SlowDown"),
    "events": (400, "com.amazonaws.events#ThrottlingException"),
}


@dataclass
class Message:
    """A request or a response, whole."""

    head: h11.Request | h11.Response
    body: bytes


@dataclass
class Rule:
    """What happens to the `nth` and the next `times - 1` requests that fit, counted from now on."""

    verb: "Verb"
    function: str | None = None
    operation: str | None = None
    step: str | None = None
    name: str | None = None
    target: str = ""
    when: Callable[[Call], bool] = lambda call: True
    nth: int = 1
    times: int = 1
    seen: int = 0
    hit: list[Call] = field(default_factory=list)
    struck: threading.Event = field(default_factory=threading.Event)
    resumed: threading.Event = field(default_factory=threading.Event)

    def unused(self) -> "Rule":
        """The same rule, as if it had met no request yet."""
        return replace(self, seen=0, hit=[], struck=threading.Event(), resumed=threading.Event())

    @property
    def frozen(self) -> bool:
        """Somebody waits for `resume`."""
        stops = self.verb in (stop_before, stop_after, stop_and_overwrite)
        return stops and self.struck.is_set() and not self.resumed.is_set()

    def fits(self, call: Call) -> bool:
        return (
            self.function in (None, call.function)
            and self.operation in (None, call.operation)
            and self.step in (None, call.step)
            and self.name in (None, call.name)
            and self.target in call.target
            and self.when(call)
        )

    def strikes(self, call: Call) -> bool:
        """Count a request, and tell whether it is the one."""
        if not self.fits(call):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times

    def resume(self) -> None:
        """Let the processes go on that this rule has stopped; once, for they serve others then."""
        if self.frozen:
            for call in self.hit:
                signal_tree(call.sender.pid, signal.SIGCONT)
        self.resumed.set()


class Exchange:
    """A request under way."""

    def __init__(self, call: Call, rule: Rule, forward: "Forward", client: "_Peer", signals: "Signals") -> None:
        self.call, self.rule, self.forward, self.client, self.signals = call, rule, forward, client, signals

    async def answer(self, response: Message) -> None:
        await self.client.send(response)

    def hang_up(self) -> None:
        self.client.close()

    async def signal(self, number: int) -> None:
        if self.call.sender:
            self.signals.append((number, self.call))
            await asyncio.to_thread(signal_tree, self.call.sender.pid, number)

    async def until_resumed(self) -> None:
        while not self.rule.resumed.is_set():
            await asyncio.sleep(0.02)


Verb = Callable[[Exchange], Awaitable[None]]
Forward = Callable[..., Awaitable[Message]]
Signals = list[tuple[int, Call]]


# ---- verbs


def delay(seconds: float) -> Verb:
    """The request arrives late."""

    async def verb(it: Exchange) -> None:
        await asyncio.sleep(seconds)
        await it.answer(await it.forward())

    return verb


async def drop_reply(it: Exchange) -> None:
    """AWS has done it, and nobody is told."""
    await it.forward()
    it.hang_up()


async def reset(it: Exchange) -> None:
    """The request never arrives."""
    it.hang_up()


async def truncate(it: Exchange) -> None:
    """Half of the reply's body arrives."""
    response = await it.forward()
    await it.client.send(response, len(response.body) // 2)
    it.hang_up()


def answer(status: int, code: str) -> Verb:
    """AWS refuses without doing anything."""

    async def verb(it: Exchange) -> None:
        if it.call.service == "s3":
            kind, body = b"application/xml", f"<Error><Code>{code}</Code><Message>planted</Message></Error>".encode()
        else:
            kind, body = b"application/x-amz-json-1.0", json.dumps({"__type": code, "message": "planted"}).encode()
        await it.answer(Message(h11.Response(status_code=status, headers=[(b"content-type", kind)]), body))

    return verb


async def throttle(it: Exchange) -> None:
    """Too many requests, says AWS."""
    await answer(*THROTTLED[it.call.service])(it)


async def kill_before(it: Exchange) -> None:
    """The process dies before its request leaves."""
    await it.signal(signal.SIGKILL)
    it.hang_up()


async def kill_after(it: Exchange) -> None:
    """The process dies before it sees the reply."""
    await it.forward()
    await it.signal(signal.SIGKILL)
    it.hang_up()


async def stop_before(it: Exchange) -> None:
    """The process is frozen, and its request arrives once it goes on."""
    await it.signal(signal.SIGSTOP)
    await it.until_resumed()
    await it.answer(await it.forward())


async def stop_after(it: Exchange) -> None:
    """The process is frozen before it sees the reply."""
    response = await it.forward()
    await it.signal(signal.SIGSTOP)
    await it.until_resumed()
    await it.answer(response)


async def stop_and_overwrite(it: Exchange) -> None:
    """As `stop_before`, and AWS forgets that it must not replace what is there."""
    await it.signal(signal.SIGSTOP)
    await it.until_resumed()
    await it.answer(await it.forward(without=b"if-none-match"))


def pause(seconds: float) -> Verb:
    """The process is frozen for a while."""

    async def verb(it: Exchange) -> None:
        await it.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        await it.signal(signal.SIGCONT)
        await it.answer(await it.forward())

    return verb


def sometimes(seed: int, chances: dict[Verb, float]) -> Verb:
    """One of several by its chance; mostly none."""
    dice = random.Random(seed)
    weights = [*chances.values(), 1 - sum(chances.values())]

    async def verb(it: Exchange) -> None:
        (chosen,) = dice.choices([*chances, delay(0)], weights)
        await chosen(it)

    return verb


# ---- the proxy


class Proxy:
    """Passes on to `upstream` (a port of 127.0.0.1), and records every request in `calls` and what was done to whom in
    `signals`."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.signals: Signals = []
        self.items: dict[str, dict] = {}
        #: The last item of each generation.
        self.ends: dict[tuple[str, int], dict] = {}
        self.upstream = 0
        self.processes: Processes | None = None
        self._rules: list[Rule] = []
        self._working_on: dict[int, str] = {}
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, limit=CHUNK))
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._loop.run_forever, daemon=True, name="proxy").start()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    @contextlib.contextmanager
    def armed(self, *rules: Rule) -> Iterator[None]:
        """Rules are in force meanwhile; then what they have stopped is let go on."""
        with self._lock:
            self._rules += rules
        try:
            yield
        finally:
            for rule in rules:
                self._forget(rule)
                rule.resume()

    def _forget(self, rule: Rule) -> None:
        with self._lock:
            if rule in self._rules:
                self._rules.remove(rule)

    def of(self, job: str) -> list[Call]:
        """All requests for a job, in the order in which they came."""
        return [call for call in list(self.calls) if call.job == job]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = _Peer(h11.Connection(h11.SERVER), reader, writer)
        upstream: _Peer | None = None
        sender = None
        try:
            while (request := await client.receive()) is not None:
                if sender is None:
                    port = writer.get_extra_info("peername")[1]
                    sender = await asyncio.to_thread(self.processes.sender, port, self.port)
                    if sender is None:  # It has died since then: as if a moment earlier.
                        return
                call = self._recorded(request, sender)
                upstream = upstream if upstream and upstream.is_open() else await _Peer.to(self.upstream)

                async def forward(without: bytes = b"", request=request, call=call, upstream=upstream) -> Message:
                    response = await upstream.ask(request, without)
                    self._answered(call, response)
                    return response

                rule = self._struck(call)
                if rule is None:
                    await client.send(await forward())
                else:
                    await rule.verb(Exchange(call, rule, forward, client, self.signals))
                if not client.next():
                    return
        except (ConnectionError, h11.RemoteProtocolError, h11.LocalProtocolError, asyncio.IncompleteReadError):
            pass
        finally:
            for peer in filter(None, (client, upstream)):
                peer.close()

    def _recorded(self, request: Message, sender) -> Call:
        headers = {name.decode().lower(): value.decode() for name, value in request.head.headers}
        method, target = request.head.method.decode(), request.head.target.decode()
        service, operation, about = classify(method, target, headers, request.body)
        job = job_named(service, request.body)
        call = Call(sender, service, operation, about, digest(request.body), at=time.monotonic())
        with self._lock:
            if sender and job:
                self._working_on[sender.pid] = job
            call.job = job or (self._working_on.get(sender.pid) if sender else None)
            if service == "dynamodb" and job:
                call.item = written_item(operation, request.body)
                call.step = step_of(self.items.get(job), call.item) if call.item else ""
            known = call.item or self.items.get(call.job)
            call.name = file_name(known) if known else ""
            self.calls.append(call)
        return call

    def _answered(self, call: Call, response: Message) -> None:
        call.status = response.head.status_code
        if call.item and call.done:
            with self._lock:
                self.items[call.job] = call.item
                self.ends[call.job, call.item["generation"]] = call.item

    def _struck(self, call: Call) -> Rule | None:
        with self._lock:
            for rule in self._rules:
                if rule.strikes(call):
                    rule.hit.append(call)
                    rule.struck.set()
                    return rule
        return None


class _Peer:
    """One end of a connection of the proxy."""

    def __init__(self, machine: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._machine, self._reader, self._writer = machine, reader, writer

    @classmethod
    async def to(cls, port: int) -> "_Peer":
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=CHUNK)
        return cls(h11.Connection(h11.CLIENT), reader, writer)

    def is_open(self) -> bool:
        return self._machine.our_state is h11.IDLE and not self._reader.at_eof() and not self._writer.is_closing()

    async def receive(self) -> Message | None:
        """The next message, whole; None if the peer has gone."""
        head, body = None, bytearray()
        while True:
            event = self._machine.next_event()
            if event is h11.NEED_DATA:
                if self._machine.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[])
                    await self._write(self._machine.send(go_on))
                data = await self._reader.read(CHUNK)
                if not data and head is None and not self._machine.trailing_data[0]:
                    return None
                self._machine.receive_data(data)
            elif isinstance(event, (h11.Request, h11.Response)):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return Message(head, bytes(body))
            elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                return None

    async def ask(self, request: Message, without: bytes) -> Message:
        kept = [header for header in _end_to_end(request.head) if header[0] != without]
        headers = [*kept, (b"content-length", str(len(request.body)).encode())]
        head = h11.Request(method=request.head.method, target=request.head.target, headers=headers)
        await self._send_all(head, request.body)
        response = await self.receive()
        if response is None:
            raise ConnectionResetError
        self.next()
        return response

    async def send(self, response: Message, only: int | None = None) -> None:
        """Answer; with `only` so many bytes of the body, though all are announced."""
        length = next((v for k, v in response.head.headers if k == b"content-length" and not response.body), None)
        headers = [*_end_to_end(response.head), (b"content-length", length or str(len(response.body)).encode())]
        head = h11.Response(status_code=response.head.status_code, headers=headers)
        if only is None:
            await self._send_all(head, response.body)
        else:
            await self._write(self._machine.send(head) + self._machine.send(h11.Data(data=response.body[:only])))

    def next(self) -> bool:
        """Get ready for another message on the same connection."""
        if self._machine.our_state is h11.DONE and self._machine.their_state is h11.DONE:
            self._machine.start_next_cycle()
            return True
        return False

    def close(self) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.transport.abort()

    async def _send_all(self, head: h11.Request | h11.Response, body: bytes) -> None:
        data = [self._machine.send(head)]
        if body:
            data.append(self._machine.send(h11.Data(data=body)))
        await self._write(b"".join([*data, self._machine.send(h11.EndOfMessage()) or b""]))

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


def _end_to_end(head: h11.Request | h11.Response) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in head.headers if name not in HOP_BY_HOP]
