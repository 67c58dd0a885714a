"""Many clips at once: planned one by one, and asked for in one request."""

import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

from media import forms
from media.recording import Live

DAY_MS = 24 * 3_600_000


def test_a_hundred_planned_windows_hold_up_nothing_that_is_urgent(stack, name):
    """The recording has no end; the tenant's limits are far below what a newsroom plans."""
    tenant = f"plans-{name[-12:]}"
    session = stack.add_tenant(tenant, max_active=2, max_scheduled=100)
    now = int(time.time() * 1000)
    recording = forms.seconds_into(name, 0, 16, f"mp4/live/{name}/1/stream.mpd", now - 20_000)
    Live(recording, stack.s3, stack.env["SOURCE_BUCKET"], f"recordings/{tenant}/").publish(Fraction(10))

    def planned(minute: int):
        start = {"StartPos": now + DAY_MS + minute * 60_000, "StartTime": DAY_MS + minute * 60_000}
        return stack.export(stack.request(recording, Fraction(0), 9000, f"{name}-{minute}", SessionId=session, **start))

    with ThreadPoolExecutor(8) as pool:
        plans = list(pool.map(planned, range(100)))
    assert {(plan.status, plan.code) for plan in plans} == {(200, 1)}, plans[0]
    one_more = planned(100)
    assert (one_more.status, one_more.code) == (429, -1), one_more
    assert "at most 100 whose window has not begun" in one_more.body["ErrorMessage"]
    urgent = stack.request(recording, Fraction(2), 1000, name, SessionId=session)
    picture = stack.export({**urgent, "FetchMedia": False})
    assert (picture.status, picture.code) == (200, 0), picture
    clip = stack.finish(urgent)
    assert (clip.status, clip.code) == (200, 5), clip
