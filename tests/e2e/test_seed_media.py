"""The description of `POST /export`, sentence by sentence: `tests/data/seeds/tvu-export-api.md`."""

import time
from fractions import Fraction

import pytest

from media import forms, quality
from media.recording import Live

from . import checks
from .clauses import MEDIA, SEEDS, clause, members, sample
from .stack import Stack, storage_info

EXPORT, THUMBNAIL = '"export_type": 1,', '"FetchThumb": true,'
START, DURATION = 1_562_253_612_833, 9000
# Every member of a reply and its JSON type.
KINDS = {
    "TimeWait": int,
    "ErrorCode": int,
    "ErrorMessage": str,
    "ImagePath": str,
    "VideoPath": str,
    "Version": str,
    "S3Dir": str,
    "LackLength": int,
    "JobId": str,
}


def request(stack: Stack, recorded, name: str, **fields: object) -> dict:
    """A clip of 1.5 s."""
    return stack.request(recorded("static_time"), Fraction(11, 10), 1500, name, **fields)


def still(stack: Stack, recorded, form: str, at: Fraction, name: str, **fields: object) -> dict:
    return stack.request(recorded(form), at, 1000, name, **{"FetchMedia": False, **fields})


def number(stack: Stack, body: dict, folder) -> int | None:
    """The number of the frame that a still shows."""
    answer = stack.finish(body, timeout=60)
    assert answer.code == 0, answer
    return quality.jpeg_number(stack.fetch(answer.body["ImagePath"], folder))


# ---- the samples


@clause("export hi-res media data", "`https://resource.tvunetworks.com:10600/export`", "POST", '"export_type": 1,')
@clause("StartPos: Get from Search API.", "LivePath: Get from Search API", "Duration: in millisecond")
@clause("FetchMedia: this field decides whether generate file or not when API is invoked.")
def test_sample_media_request_gives_nine_exact_seconds(stack, recorded, tmp_path):
    recording = recorded("seed")
    assert recording.live_path == forms.SEED_PATH and recording.live_path in sample(MEDIA, EXPORT)
    expected = recording.expected(START, DURATION)
    body = (SEEDS / "export.json").read_bytes()
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


@clause("Get thumbnail only", '"FetchThumb": true,', '"FetchMedia": false', '"ErrorCode":0,')
def test_sample_thumbnail_request_gives_the_frame_at_its_instant(stack, recorded, tmp_path):
    recording = recorded("seed")
    answer = stack.finish((SEEDS / "thumbnail.json").read_bytes(), timeout=60)
    assert answer.code == 0 and set(answer.body) == checks.THUMBNAIL, answer
    for name, value in members(sample(MEDIA, '"ErrorCode":0,')).items():
        assert type(answer.body[name]) is type(value), name
        assert answer.body[name] == value or name == "ImagePath"
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


@clause('"FetchMedia": true', '"ErrorCode":1,', "ErrorCode number")
@clause("ErrorCode: `1` means task is processing, `5` means ready to download")
def test_work_is_answered_like_the_sample_and_then_is_ready(stack, recorded, name, tmp_path):
    recording = recorded("static_time")
    body = stack.request(recording, Fraction(0), 12_000, name, export_type=2)
    answer = stack.export(body)
    said = members(sample(MEDIA, '"ErrorCode":1,'))
    assert {key: answer.body[key] for key in ("ErrorCode", "ErrorMessage", "S3Dir")} == {
        key: said[key] for key in ("ErrorCode", "ErrorMessage", "S3Dir")
    }
    # A path in a reply can be fetched: there is none yet.
    assert said.keys() - answer.body.keys() <= {"ImagePath"}
    done = stack.finish(body)
    assert done.code == 5
    checks.exact(stack, recording, done, checks.expected_of(recording, Fraction(0), 12_000), tmp_path)


@clause('"ErrorCode":-1,')
def test_a_directory_that_is_not_there_is_answered_like_the_sample(stack, recorded, name):
    body = request(stack, recorded, name, LivePath=f"mp4/{name}/1/stream.mpd")
    deadline = time.monotonic() + 60
    answer = stack.export(body)
    while answer.code == 1 and time.monotonic() < deadline:
        time.sleep(0.5)
        answer = stack.export(body)
    said = members(sample(MEDIA, '"ErrorCode":-1,'))
    for name in ("ErrorCode", "ErrorMessage", "TimeWait", "Version", "S3Dir"):
        assert answer.body[name] == said[name], name
    # Nothing was made: there is no path to fetch, and all of the clip is lacking.
    assert said.keys() - answer.body.keys() == {"ImagePath", "VideoPath"}
    assert answer.body["LackLength"] == body["Duration"]


# ---- the fields of a request


@clause("ServiceCaller * string", "StartPos * number", "StartTime * string", "Duration * number", "LivePath * string")
@clause("FetchMedia * boolean", "FetchThumb boolean", "FileName string", "SessionId string", "export_type number")
@clause("userid string", "story pairs")
@pytest.mark.parametrize("field", ["StartPos", "StartTime", "Duration", "LivePath", "ServiceCaller"])
def test_a_required_field_must_be_there_and_every_field_has_its_type(field, stack, recorded, name):
    wrong = {"StartPos": "1", "StartTime": True, "Duration": "1", "LivePath": 1, "ServiceCaller": 1}[field]
    others = {"FetchMedia": "true", "FileName": 1, "export_type": "1", "userid": 1, "story": "x"}
    for changed in ({field: None}, {field: wrong}, *({other: value} for other, value in others.items())):
        answer = stack.export(request(stack, recorded, name, **changed))
        assert (answer.status, answer.code) == (400, -1), changed
        assert f"invalid request: {next(iter(changed))}" in answer.body["ErrorMessage"], answer


@clause("ServiceCaller: the name of service caller. `mma` or `search`")
def test_the_caller_is_mma_or_search(stack, recorded, name):
    body = request(stack, recorded, name)
    jobs = {caller: stack.export({**body, "ServiceCaller": caller}) for caller in ("mma", "search", "other")}
    assert jobs["mma"].body["JobId"] == jobs["search"].body["JobId"]
    assert jobs["other"].status == 400 and "ServiceCaller" in jobs["other"].body["ErrorMessage"]


@clause("StartPos: in millisecond.")
def test_start_pos_counts_milliseconds(stack, recorded, name, tmp_path):
    """At 25 frames a second the next frame begins 40 ms later."""
    start = Fraction(790)
    numbers = []
    for k, ms in enumerate((0, 1, 40, 41)):
        body = still(stack, recorded, "seed", start + Fraction(ms, 1000), f"{name}-{k}")
        numbers.append(number(stack, body, tmp_path))
    assert numbers == [19_750, 19_751, 19_751, 19_752]


@clause("StartTime: in millisecond.", "StartTime: Relative time of mark.")
def test_start_time_counts_from_the_beginning_of_the_recording(stack, recorded, name, tmp_path):
    """Of a recording without a clock it alone says where a window is: in ms, as text, and as hours,
    minutes, seconds."""
    first = recorded("static_time").truth.frames[0].number
    shown, jobs = [], set()
    for k, time_of_mark in enumerate((2000, "2000", "00:00:02", "00:00:02.000", "2040")):
        body = still(stack, recorded, "static_time", Fraction(2), f"{name}-{k // 4}", StartTime=time_of_mark)
        shown.append(number(stack, body, tmp_path))
        jobs.add(stack.export(body).body["JobId"])
    assert shown == [first + 50] * 4 + [first + 51] and len(jobs) == 2


@clause("get the first frame of the hi-res media file", "FetchMedia: The default value is `false`")
@clause("FetchMedia: You can use `false` to get the thumbnail of the first frame.")
@clause("FetchThumb: The default value is `false`.", "ImagePath: The first frame of the exported clip")
def test_without_fetch_media_there_is_the_clips_first_frame_and_no_clip(stack, recorded, name, tmp_path):
    """`ladder` has Representations of several sizes."""
    recording, start = recorded("ladder"), Fraction(33, 10)
    body = stack.request(recording, start, 1500, name)
    clip = stack.finish(body)
    checks.exact(stack, recording, clip, checks.expected_of(recording, start, 1500), tmp_path)
    for absent in ({"FetchMedia": None}, {"FetchMedia": False}, {"FetchMedia": False, "FetchThumb": False}):
        answer = stack.finish({key: value for key, value in (body | absent).items() if value is not None})
        assert answer.code == 0 and "VideoPath" not in answer.body, answer
        of_clip, alone = (stack.fetch(each.body["ImagePath"], tmp_path) for each in (clip, answer))
        assert quality.jpeg_number(alone, recording.truth.size) == quality.jpeg_number(of_clip, recording.truth.size)


@clause("FetchThumb: You can use `true` to get the thumbnail of any frame.", "FetchThumb: FetchMedia must be `false`.")
def test_fetch_thumb_gives_any_frame_but_not_beside_a_clip(stack, recorded, name, tmp_path):
    frames = recorded("static_time").truth.frames
    for frame in (frames[0], frames[7], frames[-1]):
        body = still(stack, recorded, "static_time", frame.pts, name, FetchThumb=True)
        assert number(stack, body, tmp_path) == frame.number
    refused = stack.export(request(stack, recorded, name, FetchThumb=True))
    assert refused.status == 400 and "FetchThumb" in refused.body["ErrorMessage"], refused


@clause("FileName: the final file name", "VideoPath string", "VideoPath: The location of exported media clip")
def test_the_clip_lies_at_its_path_under_its_name(stack, recorded, name, tmp_path):
    done = stack.finish(request(stack, recorded, name))
    directory, _, file = done.body["VideoPath"].rpartition("/")
    assert (file, directory.count("/")) == (f"{name}.ts", 2) and directory.startswith("/export/")
    assert stack.exists(done.body["VideoPath"].removeprefix("/"))


@clause("SessionId: for auth")
def test_the_session_decides_who_is_let_in(stack, recorded, name):
    for session in (None, "F" * 32):
        refused = stack.export(request(stack, recorded, name, SessionId=session))
        assert (refused.status, refused.body["ErrorMessage"]) == (401, "session invalid")
    assert stack.export(request(stack, recorded, name)).status == 200


@clause("export_type: `0` `1` or `2`, the default value is `0`, `1` is H.264, `2` is H.265.")
def test_the_type_chooses_the_codec(stack, recorded, name, tmp_path):
    for form, export_type, codec in (
        ("hevc_open", None, "hevc"),
        ("hevc_open", 0, "hevc"),
        ("hevc_open", 1, "h264"),
        ("static_time", 2, "hevc"),
    ):
        recording = recorded(form)
        start = recording.truth.span()[0] + 2
        answer = stack.finish(stack.request(recording, start, 1000, f"{name}-{export_type}", export_type=export_type))
        expected = checks.expected_of(recording, start, 1000)
        _, report = checks.exact(stack, recording, answer, expected, tmp_path)
        assert report.video_codec == codec, (form, export_type)
    refused = stack.export(request(stack, recorded, name, export_type=3))
    assert refused.status == 400 and "export_type" in refused.body["ErrorMessage"]


@clause("S3Region string", "S3Region: s3 region", "S3Bucket string", "S3Bucket: s3 bucket")
def test_the_deprecated_pair_chooses_among_the_tenants_buckets_and_is_never_an_error(stack, recorded, name, tmp_path):
    given = {"S3Region": "us-west-1", "S3Bucket": "mma-video-archive"}
    sampled = {key: members(sample(MEDIA, EXPORT))[key] for key in given}
    for pair, bucket in ((given, given["S3Bucket"]), (sampled, stack.env["EXPORT_BUCKET"]), ({"S3Bucket": 1}, None)):
        done = stack.finish(request(stack, recorded, f"{name}-{bucket}", **pair))
        assert done.code == 5 and stack.fetch(done.body["VideoPath"], tmp_path, bucket).stat().st_size


@clause("userid: the id of user", 'story: "id":"","name":"", "slug_info": "base64 string",')
@clause('The original string of "BASE64 string" should looks like:', '"storage_purpose": "ts",')
def test_storage_and_story_are_read_as_the_seed_prints_them(stack, recorded, name, tmp_path):
    printed = sample(MEDIA, '"storage_purpose": "ts",')
    storage, slug = printed[: printed.index("]") + 1], printed[printed.index('"slug_info"') :]
    story = {"id": "4B999DC458FBC4C800000000", "name": name, "slug_info": storage_info(slug)}
    told = {"storage_info": storage_info(storage), "story": story, "userid": "dev@tvunetworks.com"}
    body = request(stack, recorded, name, **told)
    done = stack.finish(body)
    assert stack.fetch(done.body["VideoPath"], tmp_path, "mma-video-archive").suffix == ".ts"
    assert stack.job(done.body["JobId"])["story"]["slug"]["slug_name"] == "test"
    # Who asks and for what story is no part of what is asked for.
    same = {key: value for key, value in body.items() if key not in ("userid", "story")}
    assert stack.export(same).body == done.body


# ---- the members of a reply


@clause("ErrorMessage string", "ImagePath string", "Version string", "Version: the version of resource")
@clause("S3Dir string", "S3Dir: s3bucket sub path", "LackLength number", "LackLength: in millisecond.")
def test_every_member_of_a_reply_has_its_type_and_its_meaning(stack, recorded, name, tmp_path):
    body = request(stack, recorded, name)
    replies = [stack.export(body), stack.finish(body), stack.export(request(stack, recorded, name, Duration=0))]
    for answer in replies:
        assert {key: type(value) for key, value in answer.body.items()}.items() <= KINDS.items(), answer
        assert (answer.body["Version"], answer.body["S3Dir"]) == ("v1", "export")
    done = replies[1].body
    assert set(done) == set(KINDS) and done["LackLength"] == 0
    assert stack.exists(done["S3Dir"] + done["ImagePath"])


@clause(
    "LackLength: The difference in length between the requested exported video clip and the actual exported video clip"
)
def test_lack_length_is_what_the_clip_is_shorter_by(stack, recorded, name, tmp_path):
    recording = recorded("dynamic_growing")
    start, duration = Fraction(-13, 10), 3000
    done = stack.finish(stack.request(recording, start, duration, name, StartTime="0"))
    assert done.body["LackLength"] == 1300
    _, report = checks.exact(stack, recording, done, checks.expected_of(recording, start, duration), tmp_path)
    assert len(report.numbers) / 25 == (duration - done.body["LackLength"]) / 1000 + Fraction(1, 50)


# ---- the comment


@clause("The service limits the number of concurrent request for the limited harddisk I/O and network.")
def test_a_tenant_has_only_so_many_unfinished_jobs(stack, name):
    tenant = f"limited-{name[-12:]}"
    session = stack.add_tenant(tenant, max_active=1)
    recording = forms.seconds_into(name, 0, 16, f"mp4/live/{name}/1/stream.mpd", int(time.time() * 1000) - 8000)
    Live(recording, stack.s3, stack.env["SOURCE_BUCKET"], f"recordings/{tenant}/").publish(Fraction(6))
    waits = stack.request(recording, Fraction(5), 10_000, name, SessionId=session)
    taken = stack.export(waits)
    assert taken.code == 1, taken
    refused = stack.export({**waits, "Duration": 2000})
    assert (refused.status, refused.code) == (429, -1) and refused.body["TimeWait"] > 0, refused
    assert int(refused.headers["retry-after"]) >= 1 and "JobId" not in refused.body
    assert stack.export(waits).body["JobId"] == taken.body["JobId"], "who asks again is not refused"
    stack.send("DELETE", f"/export/status/{taken.body['JobId']}", headers={"X-Session-Id": session})
    assert stack.export({**waits, "Duration": 2000}).code == 1
