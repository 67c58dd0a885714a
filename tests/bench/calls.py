"""Calls to AWS per request, per job and per export, counted between the functions of a local stack and the emulator."""

import time
from collections import Counter
from collections.abc import Callable
from fractions import Fraction

from chaos.proxy import Proxy
from e2e.mre import Mre, scenarios
from e2e.stack import Stack
from media import forms

QUIET_S = 2.0
# Comes every minute, whatever else happens.
SWEEPER = "JobSweeper"


class Ledger:
    """What the functions have asked of AWS through a proxy."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy

    def of(self, act: Callable[[], object]) -> dict[str, dict[str, int]]:
        """Calls by function and operation while `act` runs and until none has followed for two seconds."""
        before = len(self.proxy.calls)
        act()
        seen, since = -1, time.monotonic()
        while time.monotonic() - since < QUIET_S:
            now = len(self._made(before))
            if now != seen:
                seen, since = now, time.monotonic()
            time.sleep(0.2)
        found: dict[str, Counter[str]] = {}
        for function, operation in self._made(before):
            found.setdefault(function, Counter())[operation] += 1
        return {function: dict(sorted(counts.items())) for function, counts in sorted(found.items())}

    def _made(self, before: int) -> list[tuple[str, str]]:
        calls = [(call.function, f"{call.service}:{call.operation}") for call in self.proxy.calls[before:]]
        return [call for call in calls if call[0] and call[0] != SWEEPER]


def media(stack: Stack, proxy: Proxy) -> dict[str, dict]:
    """Of a picture alone, of clips of 9 s and 60 s, and of what a client does meanwhile."""
    ledger = Ledger(proxy)
    long = stack.upload(forms.seconds_into("bench-calls", 0, 70, f"mp4/bench/{time.time_ns():x}/1/stream.mpd"))
    start = Fraction(33, 10)

    def body(name: str, duration: int, **fields: object) -> dict:
        fields = {"storage_info": stack.storage("mp4"), **fields}
        return stack.request(long, start, duration, f"{name}-{time.time_ns():x}", **fields)

    # Sessions, tenants and connections are there already.
    for fields in ({}, {"FetchMedia": False}):
        job = stack.finish(body("warm", 1000, **fields)).body["JobId"]
        stack.status(job)
    found: dict[str, dict] = {}
    for name, duration, fields in (("thumbnail", 0, {"FetchMedia": False}), ("9 s", 9000, {}), ("60 s", 60_000, {})):
        request = body("calls", duration, **fields)

        def made(request: dict = request) -> None:
            job = stack.export(request).body["JobId"]
            deadline = time.monotonic() + 120
            # Asks the table, so that no function is asked.
            while stack.items()[f"J#{job}"]["state"]["S"] != "READY":
                assert time.monotonic() < deadline, f"{job} is not ready"
                time.sleep(0.3)

        found[name] = ledger.of(made)
        job = stack.export(request).body["JobId"]
        found["poll"] = ledger.of(lambda job=job: stack.status(job))
        found["poll by the same POST"] = ledger.of(lambda request=request: stack.export(request))
    return found


def data(stack: Stack, proxy: Proxy) -> dict[str, dict]:
    """Of an event's and a replay's document, asked for and triggered."""
    ledger, mre, found = Ledger(proxy), Mre(stack), {}
    with mre.listening():
        for kind, name in (("event", "event_tennis_optimizer"), ("replay", "replay_mp4_weight")):
            scenario = scenarios()[name]
            names = mre.load(scenario)
            mre.get(names.path())
            found[f"{kind}, live"] = ledger.of(lambda names=names: mre.get(names.path()))
            found[f"{kind}, triggered"] = ledger.of(lambda scenario=scenario, names=names: mre.export(scenario, names))
            found[f"{kind}, stored"] = ledger.of(lambda names=names: mre.get(names.mre_path()))
    return found
