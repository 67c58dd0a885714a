//! Recordings in transport streams that are damaged, that stop, or whose clock starts anew.

use super::*;
use crate::ReadFailure;
use export_media::mpd::Mpd;
use export_media::ts::{Known, demux};
use export_media::window::Asked;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A segment by ffmpeg: 17 pictures of 3600 ticks, of which the last one is shown two pictures late, and AAC.
const RECORDED: &[u8] = include_bytes!("../../../media/tests/data/muxed.ts");
/// Its length in ticks.
const LENGTH: i64 = 61_200;
/// 2023-11-14T22:13:20Z.
const T0: i64 = 1_700_000_000_000;

/// Files in memory.
#[derive(Debug, Default)]
struct Files {
    stored: HashMap<String, Vec<u8>>,
    asked: Mutex<Vec<String>>,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

impl Files {
    fn with(mut self, name: &str, data: impl Into<Vec<u8>>) -> Self {
        self.stored.insert(name.to_owned(), data.into());
        self
    }

    fn asked_for(&self, name: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == name).count()
    }
}

impl Source for Files {
    async fn read(&self, path: &str, range: Option<(u64, u64)>, _: u64) -> Result<Bytes, ReadFailure> {
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_under_way.fetch_max(now, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        self.asked.lock().unwrap().push(path.to_owned());
        let data = self.stored.get(path).ok_or(ReadFailure::NotFound)?;
        let (first, last) = range.unwrap_or((0, u64::MAX));
        let end = data.len().min(usize::try_from(last.saturating_add(1)).unwrap_or(usize::MAX));
        let first = usize::try_from(first).unwrap().min(end);
        Ok(Bytes::copy_from_slice(&data[first..end]))
    }
}

/// The recorded segment with all time stamps `ticks` later.
fn later(ticks: i64) -> Vec<u8> {
    let mut bytes = RECORDED.to_vec();
    for packet in bytes.chunks_mut(188).filter(|packet| packet[1] & 0x40 != 0) {
        let from = if packet[3] & 0x20 != 0 { 5 + usize::from(packet[4]) } else { 4 };
        let pes = &mut packet[from..];
        if pes[..3] != [0, 0, 1] {
            continue;
        }
        let stamps = usize::from(pes[7] >> 6).saturating_sub(1).min(2);
        for field in pes[9..].chunks_mut(5).take(stamps) {
            let part = |byte: u8, mask: u8, up: u32| i64::from(byte & mask) << up;
            let old = part(field[0], 0x0e, 29) | part(field[1], 0xff, 22) | part(field[2], 0xfe, 14);
            let new = (old | part(field[3], 0xff, 7) | part(field[4], 0xfe, 0) >> 1) + ticks;
            let bits = |down: u32| u8::try_from(new >> down & 0xff).unwrap();
            field[0] = field[0] & 0xf1 | (bits(30) & 7) << 1;
            (field[1], field[2]) = (bits(22), bits(14) | 1);
            (field[3], field[4]) = (bits(7), bits(0) << 1 | 1);
        }
    }
    bytes
}

/// A playlist of `count` segments of the recorded length, `dated` or with one date.
fn playlist(count: i64, dated: bool) -> String {
    let mut text = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n".to_owned();
    for n in 0..count {
        if n == 0 || dated {
            let ms = 20_000 + n * 680;
            writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:{:02}.{:03}Z", ms / 1000, ms % 1000)
                .unwrap();
        }
        writeln!(text, "#EXTINF:0.680,\ns{n}.ts").unwrap();
    }
    text + "#EXT-X-ENDLIST\n"
}

/// A recording of `count` segments, the one at `n` with the time stamps that `ticks` says.
fn recording(count: i64, dated: bool, ticks: impl Fn(i64) -> i64) -> Files {
    let files = Files::default().with("r/stream.m3u8", playlist(count, dated));
    (0..count).fold(files, |files, n| files.with(&format!("r/s{n}.ts"), later(ticks(n))))
}

fn window(from_ms: i64, length_ms: i64) -> (Nanos, Nanos) {
    (Nanos::from_millis(T0 + from_ms), Nanos::from_millis(T0 + from_ms + length_ms))
}

/// Reads the manifest, and places what the window needs.
async fn opened(files: impl Into<Arc<Files>>, (from, until): (Nanos, Nanos)) -> (Arc<Reader<Files>>, Mpd) {
    let reader = Reader::new(files.into(), "r/stream.m3u8");
    let mut mpd = manifest(&reader, "r/stream.m3u8", Preference::default()).await.unwrap().unwrap();
    place(&reader, &mut mpd, (from, until), None).await.unwrap();
    (Arc::new(reader), mpd)
}

/// The times of the pictures of a segment, in milliseconds since the recording's first date.
async fn times(reader: &Arc<Reader<Files>>, track: &Track, index: u64) -> Option<(i64, i64)> {
    let segment = track.segment(index).unwrap().unwrap();
    let media = track.read(reader, &segment).await.unwrap()?;
    let at = |sample: &Sample| track.timeline.to_nanos_floor(sample.pts).to_millis_floor() - T0;
    Some((media.samples.iter().map(at).min()?, media.samples.iter().map(at).max()?))
}

/// The place of the time stamp `pts` in milliseconds since the recording's first date, before and after the media are placed.
async fn stamped(files: Files, pts: i64) -> Result<Option<(i64, i64)>, Error> {
    let reader = Reader::new(Arc::new(files), "r/stream.m3u8");
    let mut mpd = manifest(&reader, "r/stream.m3u8", Preference::default()).await.unwrap().unwrap();
    let pts = u64::try_from(pts.rem_euclid(1 << 33)).unwrap();
    let Some(found) = stamp::find(&reader, &mut mpd, pts, None).await? else { return Ok(None) };
    place(&reader, &mut mpd, (found.at, found.at + Nanos::from_millis(1000)), None).await?;
    let ms = |at: Nanos| at.to_millis_floor() - T0;
    Ok(Some((ms(found.at), ms(found.placed(&mpd)?))))
}

#[tokio::test]
async fn a_time_stamp_has_its_place_also_behind_the_turn_of_33_bits() {
    let first = demux(RECORDED, &Known::default()).unwrap().tracks[0].units[0].pts;
    // Time stamps begin again in the second segment.
    let begin = (1 << 33) - first - LENGTH - 30_000;
    for (dated, at) in
        [(true, 0), (true, 500), (true, 2000), (false, 700), (false, 2700), (true, 60_000), (true, -5000)]
    {
        let files = recording(4, dated, |n| begin + n * LENGTH);
        let found = stamped(files, begin + first + at * 90).await.unwrap();
        assert_eq!(found, Some((at, at)), "dated: {dated}");
    }
    let unread =
        (0..4).fold(recording(4, true, |_| 0), |files, n| files.with(&format!("r/s{n}.ts"), vec![7; 2000]));
    assert!(matches!(stamped(unread, 0).await, Err(Error::GivenUp(why)) if why.kind == Kind::BadRecording));
}

#[tokio::test]
async fn a_time_stamp_is_found_though_the_oldest_segments_are_gone_and_refused_if_all_are() {
    let first = demux(RECORDED, &Known::default()).unwrap().tracks[0].units[0].pts;
    let gone = |files: Files, count: i64| {
        (0..count).fold(files, |mut files, n| {
            files.stored.remove(&format!("r/s{n}.ts"));
            files
        })
    };
    let files = || recording(40, true, |n| n * LENGTH);
    assert_eq!(stamped(gone(files(), 36), first + 38 * LENGTH).await.unwrap(), Some((38 * 680, 38 * 680)));
    let refused = stamped(gone(files(), 40), first).await;
    assert!(matches!(refused, Err(Error::GivenUp(why)) if why.kind == Kind::BadRecording));
    let nothing = Files::default().with("r/stream.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n");
    assert_eq!(stamped(nothing, first).await.unwrap(), None);
}

#[tokio::test]
async fn a_time_stamp_is_looked_for_in_every_section_and_refused_if_two_have_it() {
    let first = demux(RECORDED, &Known::default()).unwrap().tracks[0].units[0].pts;
    let two = || {
        let lines = playlist(4, true);
        let at = lines.match_indices("#EXT-X-PROGRAM").nth(2).unwrap().0;
        format!("{}#EXT-X-DISCONTINUITY\n{}", &lines[..at], &lines[at..])
    };
    let hour = 3600 * 90_000;
    let files = recording(4, true, |n| if n < 2 { n * LENGTH } else { hour + n * LENGTH });
    let found = stamped(files.with("r/stream.m3u8", two()), first + hour + 3 * LENGTH).await.unwrap();
    assert_eq!(found, Some((2040, 2040)));
    let same = recording(4, true, |n| (n % 2) * LENGTH).with("r/stream.m3u8", two());
    let refused = stamped(same, first + LENGTH).await;
    assert!(matches!(refused, Err(Error::GivenUp(why)) if why.kind == Kind::BadRecording));
}

#[tokio::test]
async fn a_recording_is_read_though_its_first_segment_is_damaged() {
    for (dated, damage) in [(true, vec![7; 20_000]), (false, RECORDED[..376].to_vec()), (true, Vec::new())] {
        let files = recording(4, dated, |n| n * LENGTH).with("r/s0.ts", damage);
        let asked = window(0, 2000);
        let (reader, mpd) = opened(files, asked).await;
        let list = &mpd.periods[0].representations[0];
        let track = Track::open(&reader, list, TrackKind::Video, asked).await.unwrap().unwrap();
        assert_eq!(times(&reader, &track, 0).await, None);
        assert_eq!(times(&reader, &track, 1).await, Some((680, 1400)), "dated: {dated}");
        assert!(reader.notes().warnings().iter().any(|warning| warning.code == WarningCode::SegmentsLeftOut));
    }
}

#[tokio::test]
async fn a_segment_whose_first_picture_is_lost_places_nothing_where_another_can() {
    let headless = later(0);
    let first = headless.chunks(188).position(|packet| packet[1] == 0x41 && packet[2] == 0).unwrap() * 188;
    let torn = [&headless[..first], &headless[first + 188..]].concat();
    let files = recording(4, true, |n| n * LENGTH).with("r/s0.ts", torn);
    let asked = window(0, 2000);
    let (reader, mpd) = opened(files, asked).await;
    let list = &mpd.periods[0].representations[0];
    let track = Track::open(&reader, list, TrackKind::Video, asked).await.unwrap().unwrap();
    assert_eq!(times(&reader, &track, 2).await, Some((1360, 2080)));
}

#[tokio::test]
async fn a_recording_of_neither_form_is_refused() {
    let files = (0..9).fold(recording(9, true, |n| n * LENGTH), |files, n| {
        files.with(&format!("r/s{n}.ts"), vec![7; 20_000])
    });
    let reader = Reader::new(Arc::new(files), "r/stream.m3u8");
    let mut mpd = manifest(&reader, "r/stream.m3u8", Preference::default()).await.unwrap().unwrap();
    let refused = place(&reader, &mut mpd, window(0, 2000), None).await.unwrap_err();
    assert!(matches!(refused, Error::GivenUp(why) if why.kind == Kind::BadRecording));
}

/// A recorder that starts anew without a word: from the segment 20 on its clock begins again.
fn restarted() -> Files {
    recording(60, false, |n| if n < 20 { n * LENGTH } else { (n - 20) * LENGTH })
}

#[tokio::test]
async fn a_clock_that_starts_anew_without_a_word_gives_no_picture_of_another_time() {
    // The pictures of 27.2 s are listed at 40.8 s, too far from there to be those of this clock.
    let asked = window(6_800, 30_000);
    let (reader, mpd) = opened(restarted(), asked).await;
    let list = &mpd.periods[0].representations[0];
    let track = Track::open(&reader, list, TrackKind::Video, asked).await.unwrap().unwrap();
    assert_eq!(times(&reader, &track, 19).await, Some((12_920, 13_640)));
    assert_eq!(times(&reader, &track, 30).await, None);
    let warnings = reader.notes().warnings();
    assert!(warnings.iter().any(|warning| warning.detail.contains("another clock")), "{warnings:?}");
}

#[tokio::test]
async fn a_window_on_the_new_clock_is_placed_by_the_list() {
    let asked = window(30_000, 2000);
    let (reader, mpd) = opened(restarted(), asked).await;
    let list = &mpd.periods[0].representations[0];
    let track = Track::open(&reader, list, TrackKind::Video, asked).await.unwrap().unwrap();
    let index = track.index_at(asked.0);
    assert_eq!((index, times(&reader, &track, index).await), (44, Some((29_920, 30_640))));
    assert_eq!(times(&reader, &track, 10).await, None);
}

#[tokio::test]
async fn the_segment_that_ends_a_section_is_read_once() {
    let text = playlist(4, false).replacen(
        "#EXTINF:0.680,\ns2.ts",
        "#EXT-X-DISCONTINUITY\n#EXTINF:0.680,\ns2.ts",
        1,
    );
    let files = recording(4, false, |n| if n < 2 { n * LENGTH } else { n * LENGTH - 90_000 });
    let asked = window(0, 2600);
    let files = Arc::new(files.with("r/stream.m3u8", text));
    let (reader, mpd) = opened(Arc::clone(&files), asked).await;
    assert_eq!(mpd.periods[1].start, Nanos::from_millis(T0 + 1440));
    let list = &mpd.periods[0].representations[0];
    let track = Track::open(&reader, list, TrackKind::Video, asked).await.unwrap().unwrap();
    assert_eq!(times(&reader, &track, 1).await, Some((680, 1400)));
    assert_eq!(files.asked_for("r/s1.ts"), 1);
}

fn master(variants: &str, audio: usize) -> String {
    let media = |n| format!("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"{n}\",URI=\"a{n}.m3u8\"\n");
    let audio: String = (0..audio).map(media).collect();
    format!("#EXTM3U\n{audio}{variants}")
}

#[tokio::test]
async fn all_playlists_of_a_variant_are_read_side_by_side() {
    let variant = "#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"\nv.m3u8\n";
    let files =
        Files::default().with("r/stream.m3u8", master(variant, 6)).with("r/v.m3u8", playlist(4, true));
    let files = (0..6).fold(files, |files, n| files.with(&format!("r/a{n}.m3u8"), playlist(4, true)));
    let files = Arc::new(files);
    let reader = Reader::new(Arc::clone(&files), "r/stream.m3u8");
    let mpd = manifest(&reader, "r/stream.m3u8", Preference::default()).await.unwrap().unwrap();
    assert_eq!(mpd.periods[0].representations.len(), 7);
    assert_eq!(files.most_under_way.load(Ordering::SeqCst), 7);
}

#[tokio::test]
async fn of_two_encoders_the_one_that_went_on_is_read() {
    let both = "#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=1\nb.m3u8\n";
    let files = |a: Option<i64>, b: Option<i64>| {
        let files = Files::default().with("r/stream.m3u8", master(both, 0));
        let named = [("r/a.m3u8", a), ("r/b.m3u8", b)];
        named.into_iter().fold(files, |files, (name, count)| match count {
            Some(count) => files.with(name, playlist(count, true)),
            None => files,
        })
    };
    let asked = |from_ms: i64| Asked {
        start_pos_ms: T0 + from_ms,
        start_time_ms: None,
        pts: None,
        duration_ms: 3000,
        wall_end_ms: T0 + from_ms + 3000,
        still: false,
    };
    // The first one stopped after 6.8 s.
    for (a, b, from_ms, expected) in [
        (Some(10), Some(30), 0, Some("r/a.m3u8")),
        (Some(10), Some(30), 5000, Some("r/b.m3u8")),
        (Some(10), Some(30), 60_000, Some("r/b.m3u8")),
        (Some(30), Some(10), 60_000, Some("r/a.m3u8")),
        (None, Some(10), 0, Some("r/b.m3u8")),
        (Some(10), None, 0, Some("r/a.m3u8")),
        (None, None, 0, None),
    ] {
        let reader = Reader::new(Arc::new(files(a, b)), "r/stream.m3u8");
        let asked = asked(from_ms);
        let preference = Preference { codec: None, window: Some(&asked) };
        let found = manifest(&reader, "r/stream.m3u8", preference).await;
        let id = found.ok().map(|mpd| format!("r/{}", mpd.unwrap().periods[0].representations[0].id));
        assert_eq!(id.as_deref(), expected, "{a:?} {b:?} at {from_ms}");
    }
}

/// The pictures and frames of all segments that `track` has.
async fn everything(reader: &Arc<Reader<Files>>, track: &Track) -> Vec<(i64, Bytes)> {
    let mut found = Vec::new();
    for index in 0.. {
        let Some(segment) = track.segment(index).unwrap() else { break };
        let Some(media) = track.read(reader, &segment).await.unwrap() else { continue };
        found.extend(media.samples.iter().map(|sample| (sample.pts, media.data(sample).unwrap())));
    }
    found
}

/// Opens the tracks of the file `name`: of the picture, and of the audio.
async fn file(name: &str, data: Vec<u8>) -> (Arc<Reader<Files>>, Mpd, [Vec<Track>; 2]) {
    let files = Arc::new(Files::default().with(name, data));
    let reader = Reader::new(files, name);
    let mut mpd = manifest(&reader, name, Preference::default()).await.unwrap().unwrap();
    let window = (Nanos::ZERO, Nanos::from_millis(20_000));
    place(&reader, &mut mpd, window, None).await.unwrap();
    let list = &mpd.periods[0].representations[0];
    let video = Track::open_all(&reader, list, TrackKind::Video, window).await.unwrap();
    let audio = Track::open_all(&reader, list, TrackKind::Audio, window).await.unwrap();
    (Arc::new(reader), mpd, [video, audio])
}

#[tokio::test]
async fn a_file_with_tables_is_a_recording_of_all_its_tracks() {
    let data = include_bytes!("../../../media/tests/data/table.mp4");
    let (reader, mpd, [video, audio]) = file("r/stream.mp4", data.to_vec()).await;
    assert_eq!((mpd.availability_start, mpd.dynamic), (None, false));
    let length = mpd.media_presentation_duration.unwrap().to_millis_floor();
    assert!((200..2000).contains(&length), "{length}");
    let [pictures, frames] = [everything(&reader, &video[0]).await, everything(&reader, &audio[0]).await];
    assert_eq!((pictures.len(), frames.len()), (10, 14));
    assert!(!video[0].is_fragmented() && pictures.iter().all(|(_, data)| !data.is_empty()));
}

#[tokio::test]
async fn a_stream_is_read_in_parts_as_if_it_were_whole() {
    let data: Vec<u8> = (0..60).flat_map(|n| later(n * LENGTH)).collect();
    for name in ["r/stream.ts", "r/a b/stream.ts"] {
        let (reader, mpd, [video, audio]) = file(name, data.clone()).await;
        assert_eq!(mpd.media_presentation_duration, Some(Nanos::from_millis(59 * 680 + 760)));
        assert!(video[0].segment(5).unwrap().is_some(), "parts of {} bytes", data.len());
        let pictures = everything(&reader, &video[0]).await;
        let times: Vec<i64> = pictures.iter().map(|(pts, _)| *pts).collect();
        let whole = demux(RECORDED, &Known::default()).unwrap();
        let units = &whole.tracks[0].units;
        let expected: Vec<i64> =
            (0..60).flat_map(|n| units.iter().map(move |unit| unit.pts + n * LENGTH)).collect();
        assert_eq!(times, expected);
        let frames = everything(&reader, &audio[0]).await.len();
        assert_eq!(frames, 60 * whole.tracks[1].units.len());
    }
}

#[tokio::test]
async fn files_that_are_not_what_their_name_says_are_refused() {
    let (table, whole) = (include_bytes!("../../../media/tests/data/table.mp4"), later(0));
    for (name, data, kind) in [
        ("r/a.mp4", Some(whole.clone()), Kind::BadRecording),
        ("r/a.mp4", Some(Vec::new()), Kind::BadRecording),
        ("r/a.mp4", Some(include_bytes!("../../../media/tests/data/muxed.mp4").to_vec()), Kind::BadRecording),
        ("r/a.mp4", None, Kind::SourceAbsent),
        ("r/a.ts", Some(table.to_vec()), Kind::BadRecording),
        ("r/a.ts", Some(Vec::new()), Kind::BadRecording),
        ("r/a.ts", Some(whole[..376].to_vec()), Kind::BadRecording),
        ("r/a.m2ts", None, Kind::SourceAbsent),
    ] {
        let files = data.into_iter().fold(Files::default(), |files, data| files.with(name, data));
        let reader = Reader::new(Arc::new(files), name);
        let refused = manifest(&reader, name, Preference::default()).await.unwrap_err();
        assert!(matches!(&refused, Error::GivenUp(why) if why.kind == kind), "{name}: {refused:?}");
    }
}
