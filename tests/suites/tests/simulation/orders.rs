//! What clients ask for, and the recordings that it is cut from.

use crate::sim::Sim;
use bytes::Bytes;
use export_lambda::http::Request;
use export_testkit::recordings::{
    SEGMENTS, audio_body, audio_files, growing, listed, mpd, pictures, record, set,
};
use export_testkit::{MemoryObjects, NOW, SESSION, ask, body, ms, post, with};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::time::sleep;

/// Frames of this size make a clip of three parts.
const LARGE: usize = 900 << 10;
/// When the growing recordings began, and how long that was before the simulation.
const BEGAN: &str = "2019-07-05T04:13:12Z";
const BEGAN_BEFORE_S: i64 = 8;

/// A recording's files, without its manifest.
type Files = Vec<(String, Bytes)>;

static AUDIO: LazyLock<Files> = LazyLock::new(|| audio_files(100));
static LOUD: LazyLock<Files> = LazyLock::new(|| audio_files(LARGE));
static PICTURES: LazyLock<Files> = LazyLock::new(|| [pictures(), audio_files(100)].concat());

/// What is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Recorded {
    /// Audio alone; the clip is written at once.
    Audio,
    /// Audio alone; the clip is written in parts.
    Loud,
    /// Pictures and audio; the clip has both files.
    Pictures,
    /// Audio alone, and it goes on.
    LiveAudio,
    /// Pictures and audio, and they go on.
    LivePictures,
    /// Nothing, yet or ever.
    Nothing,
}

impl Recorded {
    const ALL: [Self; 6] =
        [Self::Audio, Self::Loud, Self::Pictures, Self::LiveAudio, Self::LivePictures, Self::Nothing];

    fn directory(self) -> String {
        format!("mp4/device/{}", Self::ALL.iter().position(|other| *other == self).unwrap())
    }

    fn files(self) -> &'static Files {
        match self {
            Self::Audio | Self::LiveAudio => &AUDIO,
            Self::Loud => &LOUD,
            Self::Pictures | Self::LivePictures | Self::Nothing => &PICTURES,
        }
    }

    pub(crate) fn is_live(self) -> bool {
        matches!(self, Self::LiveAudio | Self::LivePictures)
    }

    /// The adaptation sets with the first `segments` listed, or all of them unlisted.
    fn sets(self, segments: Option<i64>) -> String {
        let one = |kind: &str, codecs: &str| match segments {
            Some(segments) => listed(kind, codecs, segments),
            None => set(kind, codecs, ""),
        };
        match self {
            Self::Audio | Self::Loud | Self::LiveAudio => one("audio", "mp4a.40.2"),
            _ => one("video", "avc1.42000a") + &one("audio", "mp4a.40.2"),
        }
    }

    /// Puts the whole recording there at once.
    pub(crate) fn record_all(self, objects: &MemoryObjects) {
        record(objects, &self.directory(), &mpd(&self.sets(None), ""), self.files());
    }

    /// Records as time goes by; `slow_ms` is how late a segment may be.
    async fn record_live(self, sim: Sim, objects: MemoryObjects, slow_ms: u64) {
        let ends = |name: &str, number| name.ends_with(&format!("-{number}.m4s"));
        let numbered = |name: &str| (1..=SEGMENTS).any(|number| ends(name, number));
        let files = self.files();
        let heads: Files = files.iter().filter(|(name, _)| !numbered(name)).cloned().collect();
        let manifest = |segments| growing(&self.sets(Some(segments)), BEGAN);
        let new = |number| files.iter().filter(|(name, _)| ends(name, number)).cloned().collect::<Files>();
        record(&objects, &self.directory(), &manifest(1), &[heads, new(1)].concat());
        for number in 2..=SEGMENTS {
            let late = i64::try_from(sim.chance(|chance| chance.between(0, slow_ms.max(1)))).unwrap();
            let due = NOW + ms((number * 4 - BEGAN_BEFORE_S) * 1000) + ms(late);
            sleep((due - sim.now()).into()).await;
            record(&objects, &self.directory(), &manifest(number), &new(number));
        }
    }
}

/// Puts the recordings of `orders` there, or lets them begin. The one that is absent may come later.
pub(crate) fn record_for(orders: &[Order], sim: &Sim, objects: &MemoryObjects, slow_ms: u64) {
    let needed: BTreeSet<Recorded> = orders.iter().map(|order| order.recorded).collect();
    for recorded in needed {
        match recorded {
            Recorded::LiveAudio | Recorded::LivePictures => {
                tokio::spawn(recorded.record_live(sim.clone(), objects.clone(), slow_ms));
            }
            Recorded::Nothing => {
                let after_s = sim.chance(|chance| chance.one_of(&[60, 600, 100_000]));
                let objects = objects.clone();
                tokio::spawn(async move {
                    sleep(Duration::from_secs(after_s)).await;
                    recorded.record_all(&objects);
                });
            }
            _ => recorded.record_all(objects),
        }
    }
}

/// What one client, or several, ask for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Order {
    pub(crate) recorded: Recorded,
    pub(crate) still: bool,
    pub(crate) mp4: bool,
    pub(crate) seconds: i64,
    /// Of the second tenant.
    pub(crate) strange: bool,
    pub(crate) way: Way,
}

/// What becomes of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Way {
    /// It is copied.
    Clip,
    /// It is encoded in another codec, and for that made in chunks.
    Chunks,
    /// Two windows of the recording become one clip.
    Reel,
}

/// The windows of a reel: their `StartTime`s and lengths.
pub(crate) const WINDOWS: [(i64, i64); 2] = [(14_000, 1000), (8000, 1000)];

/// The second tenant's session.
pub(crate) const STRANGERS_SESSION: &str = "11111111111111111111111111111111";

impl Order {
    pub(crate) fn draw(sim: &Sim, large: bool) -> Self {
        sim.chance(|chance| {
            use Recorded::{Audio, LiveAudio, LivePictures, Loud, Nothing, Pictures};
            let loud = if large && chance.happens(250) { Loud } else { Audio };
            let recorded = chance.one_of(&[
                loud,
                Audio,
                Pictures,
                Pictures,
                LiveAudio,
                LivePictures,
                LivePictures,
                Nothing,
            ]);
            let pictured = !matches!(recorded, Audio | Loud | LiveAudio);
            let still = pictured && chance.happens(300);
            Self {
                recorded,
                still,
                mp4: chance.happens(500),
                seconds: i64::try_from(chance.between(1, 10)).unwrap(),
                strange: chance.happens(300),
                way: if pictured && !still && chance.happens(400) { Way::Chunks } else { Way::Clip },
            }
        })
    }

    /// The request's body.
    pub(crate) fn body(&self) -> Value {
        let ms = if self.recorded == Recorded::Loud { 240 } else { self.seconds * 1000 };
        let mut body =
            if self.mp4 { audio_body(ms) } else { with(with(body(), "StartTime", 8000), "Duration", ms) };
        body = with(body, "LivePath", format!("{}/stream.mpd", self.recorded.directory()));
        if self.recorded.is_live() {
            body = with(body, "StartPos", NOW.get());
        }
        if self.way == Way::Chunks {
            body = with(body, "export_type", 2);
        }
        if self.still {
            body = with(with(body, "FetchMedia", json!(false)), "FetchThumb", json!(true));
        }
        if self.strange { with(body, "SessionId", STRANGERS_SESSION) } else { body }
    }

    /// The body of `POST /export/batch` for the reel.
    fn list(&self) -> Value {
        let clip = self.body();
        let zero = clip["StartPos"].as_i64().unwrap() - 8000;
        let clips: Vec<_> = WINDOWS
            .iter()
            .zip(1..)
            .map(|((at, length), n)| json!({"start": at / 1000, "duration_ms": length, "name": format!("window {n}")}))
            .collect();
        let container = if self.mp4 { "mp4" } else { "ts" };
        json!({"deliver": "reel", "live_path": clip["LivePath"], "name": "test", "zero": zero, "clips": clips,
            "container": container})
    }

    /// The request.
    pub(crate) fn request(&self) -> Request {
        if self.way == Way::Reel {
            return ask("POST", "/export/batch", &[("X-Session-Id", SESSION)], self.list().to_string());
        }
        post("/export", &self.body())
    }

    /// The same from a recording that is complete, by the first tenant.
    pub(crate) fn settled(&self) -> Self {
        let recorded = match self.recorded {
            Recorded::LiveAudio => Recorded::Audio,
            Recorded::LivePictures | Recorded::Nothing => Recorded::Pictures,
            other => other,
        };
        Self { recorded, strange: false, ..self.clone() }
    }
}
