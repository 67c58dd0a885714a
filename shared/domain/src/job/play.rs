//! The clip as a playlist: its rendered ends are objects beside its files, and everything between them stays in the recording.

use super::{Detail, Fenced, Job, Order, State};
use crate::ids::{TenantId, hex};
use crate::time::EpochMs;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// The list of a playlist's segments, among its objects.
pub const INDEX: &str = "index.json";
/// Objects that are kept on record.
const MOST_FILES: usize = 500;
/// Characters of the secret part of a key.
const SECRET_LENGTH: usize = 32;

/// The secret that opens a job's playlist to everyone who has it. Never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlayKey(String);

impl fmt::Debug for PlayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlayKey(***)")
    }
}

impl PlayKey {
    /// Of a name that no other has.
    pub fn new(unique: String) -> Self {
        Self(unique)
    }

    /// As a client sends it: with the tenant, whose job is to be looked up.
    pub fn text(&self, tenant: &TenantId) -> String {
        format!("{tenant}.{}", self.0)
    }

    /// The tenant and the key that a client sent; `None` for what is no key.
    pub fn parse(text: &str) -> Option<(TenantId, Self)> {
        let (tenant, secret) = text.split_once('.')?;
        let is_hex = secret.len() == SECRET_LENGTH && secret.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some((TenantId::parse(tenant).ok()?, Self(secret.to_owned()))).filter(|_| is_hex)
    }

    /// Compares two keys in a time that does not depend on where they differ.
    fn is(&self, other: &Self) -> bool {
        hex(&Sha256::digest(&self.0)) == hex(&Sha256::digest(&other.0))
    }
}

/// The record of a job's playlist, or of why it has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Play {
    /// Generation of the attempt. That of another one counts for nothing.
    pub generation: u32,
    /// Fence of the attempt, which is part of the objects' keys.
    pub fence: u64,
    /// Opens it; absent if there is no playlist, or not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PlayKey>,
    /// The same key while the window is played by whole segments of its recording, which may show more than the clip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early: Option<PlayKey>,
    /// Names in the clip's folder of the objects that this attempt and earlier ones made, or were about to make.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Why there is none, for machines; empty if there is one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub refused: String,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Detail::is_empty")]
    pub detail: Detail,
}

impl Play {
    /// The object `name` as the attempt with `fence` names it.
    pub fn object(fence: u64, name: &str) -> String {
        format!("playlist.{fence}.{name}")
    }

    /// The key that opens it, exact or not.
    pub fn opens(&self) -> Option<&PlayKey> {
        self.key.as_ref().or(self.early.as_ref())
    }

    /// Returns `true` if its attempt has the object `name` on record.
    pub fn has(&self, name: &str) -> bool {
        self.files.contains(&Self::object(self.fence, name))
    }
}

impl Order {
    /// The key in the target's bucket of an object in the clip's folder, whose name cannot be guessed.
    pub fn beside_clip(&self, name: &str) -> String {
        let clip = self.target.key(&self.video_path);
        let folder = clip.rfind('/').map_or("", |at| &clip[..=at]);
        format!("{folder}{name}")
    }

    /// The key of the object `name` of the playlist that the attempt with `fence` made.
    pub fn play_key(&self, fence: u64, name: &str) -> String {
        self.beside_clip(&Play::object(fence, name))
    }
}

impl Job {
    /// Notes the playlist of the attempt with `fence`, or why there is none.
    ///
    /// # Errors
    /// [`Fenced`] if the claim is no longer in force.
    pub fn with_play(&self, fence: u64, play: Play, now: EpochMs) -> Result<Job, Fenced> {
        self.held(fence)?;
        // An address that was given out stays good.
        let known = self.play.as_ref().filter(|before| before.generation == play.generation);
        let known = known.and_then(Play::opens).cloned();
        let (key, early) = match play.key {
            Some(key) => (Some(known.unwrap_or(key)), None),
            None => (None, known.or(play.early)),
        };
        let mut files = play.files;
        // What earlier attempts have stored stays on record, to be removed.
        for name in self.play.iter().flat_map(|before| &before.files) {
            if !files.contains(name) && files.len() < MOST_FILES {
                files.push(name.clone());
            }
        }
        Ok(Job { play: Some(Play { key, early, files, ..play }), ..self.touched(now) })
    }

    /// Notes that whole segments of the recording can be played, unless this generation has a playlist on record, or the
    /// reason for which it has none.
    ///
    /// # Errors
    /// [`Fenced`] if the claim is no longer in force.
    pub fn with_early_play(&self, fence: u64, play: Play, now: EpochMs) -> Result<Job, Fenced> {
        self.held(fence)?;
        if self.playlist().is_some() { Ok(self.touched(now)) } else { self.with_play(fence, play, now) }
    }

    /// The playlist of this generation, or the reason for which it has none; `None` while neither is known, and once the job
    /// has ended without files.
    pub fn playlist(&self) -> Option<&Play> {
        let shows = !matches!(self.state, State::Failed | State::Cancelled | State::Unknown);
        let known = |play: &&Play| play.opens().is_some() || !play.refused.is_empty();
        self.play.as_ref().filter(|play| shows && play.generation == self.generation).filter(known)
    }

    /// The playlist that `key` opens.
    pub fn opened_by(&self, key: &PlayKey) -> Option<&Play> {
        self.playlist().filter(|play| play.opens().is_some_and(|own| own.is(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    const NOW: EpochMs = EpochMs::new(1_000_000);
    const KEY: &str = "00112233445566778899aabbccddeeff";

    fn claimed() -> Job {
        Job { state: State::Running, fence: 1, ..job() }
    }

    fn play(job: &Job) -> Play {
        Play {
            generation: job.generation,
            fence: job.fence,
            key: Some(PlayKey::new(KEY.to_owned())),
            early: None,
            files: vec![Play::object(job.fence, INDEX)],
            refused: String::new(),
            detail: Detail::default(),
        }
    }

    #[test]
    fn a_key_is_read_as_it_is_written_and_hides_itself() {
        let tenant = TenantId::parse("demo").unwrap();
        let key = PlayKey::new(KEY.to_owned());
        assert_eq!(PlayKey::parse(&key.text(&tenant)), Some((tenant, key.clone())));
        assert_eq!(format!("{key:?}"), "PlayKey(***)");
        for text in
            ["", KEY, "demo.", "demo.0", "de mo.00112233445566778899aabbccddeeff", &format!("demo.{KEY}0")]
        {
            assert_eq!(PlayKey::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_the_key_of_this_generation_opens_a_playlist() {
        let job = claimed();
        let open = job.with_play(job.fence, play(&job), NOW).unwrap();
        let key = PlayKey::new(KEY.to_owned());
        assert!(open.opened_by(&key).is_some());
        assert!(open.opened_by(&PlayKey::new(KEY.replace('0', "1"))).is_none());
        let earlier = Job { generation: job.generation + 1, ..open.clone() };
        assert!(earlier.opened_by(&key).is_none());
        let ended = Job { state: State::Cancelled, ..open.clone() };
        assert!(ended.opened_by(&key).is_none());
        assert_eq!(job.with_play(job.fence + 1, play(&job), NOW), Err(Fenced));
        let revoked = Job { play: Some(Play { key: None, ..play(&job) }), ..open };
        assert!(revoked.opened_by(&key).is_none());
    }

    #[test]
    fn the_address_stays_what_it_was_when_the_ends_are_made_or_the_playlist_is_refused() {
        let job = claimed();
        let early = |key: &str| Play {
            key: None,
            early: Some(PlayKey::new(key.to_owned())),
            files: Vec::new(),
            ..play(&job)
        };
        let other = KEY.replace('0', "1");
        let first = job.with_early_play(job.fence, early(KEY), NOW).unwrap();
        assert_eq!(first.play, Some(early(KEY)));
        assert_eq!(first.with_early_play(job.fence, early(&other), NOW).unwrap().play, Some(early(KEY)));
        let staged = first.with_play(job.fence, Play { early: None, ..early(KEY) }, NOW).unwrap();
        assert_eq!(staged.play.as_ref().and_then(|play| play.early.clone()), early(KEY).early);
        let named = Play { key: Some(PlayKey::new(other.clone())), ..play(&job) };
        let exact = staged.with_play(job.fence, named, NOW).unwrap();
        assert_eq!(exact.play, Some(play(&job)));
        assert_eq!(exact.with_early_play(job.fence, early(&other), NOW).unwrap().play, exact.play);
        let refused = Play { refused: "hole".to_owned(), ..early(&other) };
        let refused = first.with_play(job.fence, refused, NOW).unwrap();
        let key = PlayKey::new(KEY.to_owned());
        assert_eq!(refused.opened_by(&key).map(|play| play.refused.as_str()), Some("hole"));
        let waiting = Job { state: State::WaitingSource, ..first };
        assert!(waiting.opened_by(&key).is_some_and(|play| play.key.is_none()));
        let again = Job { generation: job.generation + 1, ..waiting };
        assert!(again.opened_by(&key).is_none());
    }

    #[test]
    fn the_objects_lie_in_the_clip_s_folder() {
        let order = claimed().order;
        let clip = order.key(super::super::ObjectKind::Video);
        let (folder, _) = clip.rsplit_once('/').unwrap();
        assert_eq!(order.play_key(7, INDEX), format!("{folder}/playlist.7.index.json"));
    }
}
