"""Tracks cut into segments, and the MPDs (ISO/IEC 23009-1) that list them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from xml.sax.saxutils import quoteattr

from . import boxes
from .encode import Video

NAMESPACE = "urn:mpeg:dash:schema:mpd:2011"


@dataclass(frozen=True)
class Segment:
    """Consecutive fragments stored as one object. `time` and `duration` are what an MPD says of it, in track ticks.
    `listed`: the MPD names it; `stored`: the object exists."""

    data: bytes
    samples: list[boxes.Sample]
    time: int
    duration: int
    listed: bool = True
    stored: bool = True


@dataclass
class Track:
    """One Representation. `offset` is its presentationTimeOffset in ticks, `spec` what its pictures were made from."""

    rep: str
    kind: str
    codecs: str
    init: bytes
    timescale: int
    edit_shift: int
    segments: list[Segment]
    language: str = "eng"
    offset: int = 0
    bandwidth: int = 400_000
    size: tuple[int, int] = (0, 0)
    fps: Fraction | None = None
    rate: int = 0
    spec: Video | None = None

    def moved(self, ticks: int) -> "Track":
        """The same track with its media time line `ticks` later."""
        out, sequence = [], 1
        for segment in self.segments:
            data = boxes.retimed(segment.data, {self.track_id: ticks}, sequence)
            samples = [replace(s, dts=s.dts + ticks, pts=s.pts + ticks) for s in segment.samples]
            out.append(replace(segment, data=data, samples=samples, time=segment.time + ticks))
            sequence += len(boxes.find(data, b"moof"))
        return replace(self, segments=out)

    @property
    def track_id(self) -> int:
        return boxes.tracks(self.init)[0].id

    def without(self, lost: Iterable[int], *, listed: bool) -> "Track":
        """The same track whose segments at these indexes are not stored, and still listed or not."""
        lost = {index % len(self.segments) for index in lost}
        kept = [replace(s, stored=False, listed=listed) if k in lost else s for k, s in enumerate(self.segments)]
        return replace(self, segments=kept)


def _joined(parts: list[boxes.Fragment], track: int) -> list[boxes.Sample]:
    """The samples of consecutive fragments, placed from the first one's start."""
    samples, ahead = [], 0
    for part in parts:
        samples += [replace(sample, at=sample.at + ahead) for sample in part.samples[track]]
        ahead += len(part.data)
    return samples


def cut(data: bytes, track: Track, per_segment: int = 1) -> Track:
    """Fill `track` with the segments of a fragmented file, `per_segment` fragments in each."""
    info = boxes.tracks(data)[0]
    parts = list(boxes.fragments(data))
    groups = [parts[k : k + per_segment] for k in range(0, len(parts), per_segment)]
    runs = [_joined(group, info.id) for group in groups]
    last = runs[-1]
    ends = [min(s.pts for s in run) for run in runs[1:]] + [max(s.pts + s.duration for s in last)]
    segments = []
    for group, run, end in zip(groups, runs, ends):
        time = max(0, min(s.pts for s in run) - info.edit_shift)
        payload = b"".join(part.data for part in group)
        segments.append(Segment(payload, run, time, end - info.edit_shift - time))
    return replace(
        track, init=boxes.header(data), timescale=info.timescale, edit_shift=info.edit_shift, segments=segments
    )


@dataclass
class Period:
    """A Period and how it addresses media: `time`, `number`, `list`, or `single` (one file a track with a sidx)."""

    tracks: list[Track]
    form: str = "time"
    start: Fraction = Fraction(0)
    base: str = ""
    duration: Fraction | None = None
    extra_sets: str = ""


@dataclass
class Manifest:
    periods: list[Period]
    dynamic: bool = False
    availability_start: str = ""
    duration: Fraction | None = None
    attributes: dict[str, str] = field(default_factory=dict)


def seconds(value: Fraction) -> str:
    """An xs:duration."""
    return f"PT{value.numerator}S" if value.denominator == 1 else f"PT{float(value):.6f}S"


def _attributes(**values: object) -> str:
    return "".join(
        f" {key}={quoteattr(str(value))}"
        for key, value in values.items()
        if value not in (None, "") and (value or key == "t")
    )


def _timeline(segments: Iterable[Segment]) -> str:
    """S elements; equal neighbours become one with @r, and @t is left out where it follows."""
    runs: list[dict[str, int]] = []
    at = None
    for segment in segments:
        if segment.time != at:
            runs.append({"t": segment.time, "d": segment.duration, "r": 0})
        elif runs[-1]["d"] != segment.duration:
            runs.append({"d": segment.duration, "r": 0})
        else:
            runs[-1]["r"] += 1
        at = segment.time + segment.duration
    return f"<SegmentTimeline>{''.join(f'<S{_attributes(**run)}/>' for run in runs)}</SegmentTimeline>"


def _nominal(track: Track) -> int:
    """@duration: the segments' usual length, to the whole second as recorders declare it."""
    usual = Fraction(track.segments[0].duration, track.timescale)
    return max(1, round(usual)) * track.timescale


def segment_name(track: Track, index: int, form: str) -> str:
    """Where a segment is stored, relative to its Period."""
    if form == "time":
        return f"seg-{track.rep}-{track.segments[index].time}.m4s"
    if form == "list":
        return f"{track.rep}/part {index + 1}.m4s"
    return f"seg-{track.rep}-{index + 1:05d}.m4s"


def _addressing(track: Track, form: str) -> str:
    common = _attributes(timescale=track.timescale, presentationTimeOffset=track.offset)
    listed = [(k, s) for k, s in enumerate(track.segments) if s.listed]
    init = "init-$RepresentationID$.mp4"
    if form == "time":
        media = "seg-$RepresentationID$-$Time$.m4s"
        names = f'initialization="{init}" media="{media}"'
        return f"<SegmentTemplate{common} {names}>{_timeline(s for _, s in listed)}</SegmentTemplate>"
    if form == "number":
        media = "seg-$RepresentationID$-$Number%05d$.m4s"
        names = f'initialization="{init}" media="{media}"'
        return f'<SegmentTemplate{common} duration="{_nominal(track)}" startNumber="1" {names}/>'
    if form == "list":
        urls = "".join(
            f"<SegmentURL media={quoteattr(segment_name(track, k, form).replace(' ', '%20'))}/>" for k, _ in listed
        )
        urls = f'<Initialization sourceURL="init-{track.rep}.mp4"/>{urls}'
        return f'<SegmentList{common} duration="{_nominal(track)}">{urls}</SegmentList>'
    index = len(track.init), len(track.init) + len(_sidx(track)) - 1
    return (
        f"<BaseURL>{track.rep}.mp4</BaseURL>"
        f'<SegmentBase{common} indexRange="{index[0]}-{index[1]}">'
        f'<Initialization range="0-{index[0] - 1}"/></SegmentBase>'
    )


def _sidx(track: Track) -> bytes:
    entries = [(len(s.data), s.duration) for s in track.segments]
    return boxes.sidx(track.track_id, track.timescale, track.segments[0].time, entries)


def _adaptation_set(tracks: list[Track], form: str) -> str:
    first = tracks[0]
    language = _attributes(lang=first.language if first.kind == "audio" else "")
    out = f'<AdaptationSet contentType="{first.kind}" segmentAlignment="true"{language}>'
    for track in tracks:
        rate = f"{track.fps.numerator}/{track.fps.denominator}" if track.fps else ""
        out += f'<Representation id="{track.rep}" mimeType="{track.kind}/mp4"'
        out += _attributes(
            codecs=track.codecs, bandwidth=track.bandwidth, width=track.size[0], height=track.size[1], frameRate=rate
        )
        out += f"{_attributes(audioSamplingRate=track.rate)}>{_addressing(track, form)}</Representation>"
    return out + "</AdaptationSet>"


def _period(number: int, period: Period) -> str:
    videos = [track for track in period.tracks if track.kind == "video"]
    sets = ([videos] if videos else []) + [[track] for track in period.tracks if track.kind == "audio"]
    out = f'<Period id="{number}" start="{seconds(period.start)}"'
    out += _attributes(duration=seconds(period.duration) if period.duration else "") + ">"
    out += f"<BaseURL>{period.base}</BaseURL>" if period.base else ""
    return out + period.extra_sets + "".join(_adaptation_set(s, period.form) for s in sets) + "</Period>"


def mpd(manifest: Manifest) -> str:
    """The manifest's XML."""
    profile = "isoff-on-demand" if manifest.periods[0].form == "single" else "isoff-live"
    attributes = {"profiles": f"urn:mpeg:dash:profile:{profile}:2011", "minBufferTime": "PT2S", **manifest.attributes}
    if manifest.availability_start:
        attributes["availabilityStartTime"] = manifest.availability_start
    if manifest.dynamic:
        attributes |= {"minimumUpdatePeriod": "PT2S", "publishTime": manifest.availability_start}
    elif manifest.duration is not None:
        attributes["mediaPresentationDuration"] = seconds(manifest.duration)
    kind = "dynamic" if manifest.dynamic else "static"
    body = "\n".join(_period(k, period) for k, period in enumerate(manifest.periods))
    head = f'<MPD xmlns="{NAMESPACE}" type="{kind}"{_attributes(**attributes)}>'
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head}\n{body}\n</MPD>\n'


def files(manifest: Manifest) -> dict[str, bytes]:
    """Every object of the recording by its name beside the MPD, the MPD included."""
    out = {"stream.mpd": mpd(manifest).encode()}
    for period in manifest.periods:
        for track in period.tracks:
            if period.form == "single":
                out[f"{period.base}{track.rep}.mp4"] = (
                    track.init + _sidx(track) + b"".join(s.data for s in track.segments)
                )
                continue
            out[f"{period.base}init-{track.rep}.mp4"] = track.init
            for k, segment in enumerate(track.segments):
                if segment.stored:
                    out[period.base + segment_name(track, k, period.form)] = segment.data
    return out
