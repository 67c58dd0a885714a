"""The sample requests of the API's description, byte for byte."""

from pathlib import Path

from media import forms, quality

from . import checks

REQUESTS = Path(__file__).with_name("requests")
START, DURATION = 1_562_253_612_833, 9000


def test_sample_media_request_gives_nine_exact_seconds(stack, recorded, tmp_path):
    recording = recorded("seed")
    assert recording.live_path == forms.SEED_PATH
    expected = recording.expected(START, DURATION)
    body = (REQUESTS / "media.json").read_bytes()
    first = stack.export(body)
    assert first.status == 200 and first.code in (1, 5), first
    if first.code == 1:
        assert set(first.body) - {"ImagePath"} == checks.WORKING
        assert 500 <= first.body["TimeWait"] <= 2000 and 0 <= first.body["LackLength"] <= DURATION
        assert first.headers["location"] == f"/export/status/{first.body['JobId']}"
        assert int(first.headers["retry-after"]) >= 1
    answer = stack.finish(body)
    assert answer.body["VideoPath"].endswith("/04-60C262253621833_0.0993375889.ts")
    clip, report = checks.exact(stack, recording, answer, expected, tmp_path)
    assert report.numbers == list(range(19_800, 20_025)) and report.video_codec == "h264"
    assert stack.export(body).body == answer.body


def test_sample_thumbnail_request_gives_the_frame_at_its_instant(stack, recorded, tmp_path):
    recording = recorded("seed")
    answer = stack.finish((REQUESTS / "thumbnail.json").read_bytes(), timeout=60)
    assert answer.code == 0 and set(answer.body) == checks.THUMBNAIL, answer
    assert answer.body["TimeWait"] == 0 and answer.body["ErrorMessage"] == "Success"
    directory, _, image = answer.body["ImagePath"].removeprefix("/").partition("/")
    assert len(directory) == 32 and image.startswith(f"{directory}_20190704-15-20-12_{directory}_4D7446C8141EE167_")
    assert image.endswith("_1562253612833_792000.jpg")
    jpeg = stack.fetch(answer.body["ImagePath"], tmp_path)
    assert quality.jpeg_number(jpeg) == 19_800
    assert quality.jpeg_source_psnr(jpeg, recording, 19_800) >= 30


def test_thumbnail_is_normally_in_the_first_reply(stack, recorded, name):
    recording = recorded("static_time")
    quick = 0
    for k in range(5):
        body = stack.request(
            recording, recording.truth.span()[0] + k, 0, f"{name}-{k}", FetchMedia=False, ServiceCaller=None
        )
        answer = stack.export(body)
        assert answer.code in (0, 1), answer
        quick += answer.code == 0
        assert stack.finish(body).code == 0
    assert quick >= 3
