//! Which audio tracks of a Period go on those of the Periods before.

use std::cmp::Reverse;

/// The identity of an audio track.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// ISO 639-2/T.
    pub language: Option<[u8; 3]>,
    /// `Role@value`s.
    pub roles: Vec<String>,
    /// `Label`.
    pub label: Option<String>,
    /// The type of its sample entry.
    pub codec: [u8; 4],
    /// The number of channels.
    pub channels: u16,
}

/// The track that a found track belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackMatch {
    /// The known track that it goes on; `None` makes it a new one.
    pub track: Option<usize>,
    /// Only its position among several that look alike says so.
    pub by_position: bool,
}

impl Identity {
    /// The weight of the signs that `other` is the same track; `None` if a sign speaks against it. A sign that only one
    /// of them says speaks neither way.
    fn likeness(&self, other: &Self) -> Option<u32> {
        let language = said(self.language, other.language)?;
        let roles = if self.roles.is_empty() || other.roles.is_empty() {
            0
        } else if self.roles.iter().any(|role| other.roles.contains(role)) {
            1
        } else {
            return None;
        };
        let label = u32::from(self.label.is_some() && self.label == other.label);
        let (codec, channels) = (self.codec == other.codec, self.channels == other.channels);
        Some(language * 16 + roles * 8 + label * 4 + u32::from(codec) * 2 + u32::from(channels))
    }

    /// Takes over what only `other` says.
    pub fn learn(&mut self, other: &Self) {
        self.language = self.language.or(other.language);
        if self.roles.is_empty() {
            self.roles.clone_from(&other.roles);
        }
        if self.label.is_none() {
            self.label.clone_from(&other.label);
        }
    }
}

/// 1 if both say the same, 0 if one says nothing, `None` if they differ.
fn said(one: Option<[u8; 3]>, other: Option<[u8; 3]>) -> Option<u32> {
    match (one, other) {
        (Some(one), Some(other)) => (one == other).then_some(1),
        _ => Some(0),
    }
}

/// Finds for each of the `found` tracks, in order, the one of the `known` that it goes on: by language and role, then
/// label, codec and channels, and by position only where these do not decide. No two go on the same one.
pub fn match_tracks(known: &[Identity], found: &[Identity]) -> Vec<TrackMatch> {
    let mut pairs: Vec<Pair> = Vec::new();
    for (at, one) in found.iter().enumerate() {
        let alike = known.iter().enumerate().filter_map(|(k, other)| Some((k, one.likeness(other)?)));
        pairs.extend(alike.map(|(k, likeness)| Pair { at, known: k, likeness }));
    }
    let mut places = vec![TrackMatch { track: None, by_position: false }; found.len()];
    while let Some(best) = best(&pairs, known.len()) {
        let rivals = pairs.iter().filter(|pair| {
            pair.likeness == best.likeness && (pair.at == best.at) != (pair.known == best.known)
        });
        if let Some(place) = places.get_mut(best.at) {
            *place = TrackMatch { track: Some(best.known), by_position: rivals.count() > 0 };
        }
        pairs.retain(|pair| pair.at != best.at && pair.known != best.known);
    }
    places
}

/// A found track that may be a known one.
#[derive(Debug, Clone, Copy)]
struct Pair {
    at: usize,
    known: usize,
    likeness: u32,
}

/// The two most alike; among equals those whose known track no other track claims, then the nearest by position.
fn best(pairs: &[Pair], known: usize) -> Option<Pair> {
    // The two best claims on each known track.
    let mut claims = vec![[0; 2]; known];
    for pair in pairs {
        if let Some([first, second]) = claims.get_mut(pair.known) {
            let claim = pair.likeness + 1;
            *second = claim.min(*first).max(*second);
            *first = claim.max(*first);
        }
    }
    let others = |pair: &Pair| {
        let [first, second] = claims.get(pair.known).copied().unwrap_or_default();
        if first == pair.likeness + 1 { second } else { first }
    };
    let key = |pair: &Pair| (Reverse(pair.likeness), others(pair), pair.at.abs_diff(pair.known), pair.at);
    pairs.iter().copied().min_by_key(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(language: &str, codec: [u8; 4], channels: u16, roles: &[&str]) -> Identity {
        Identity {
            language: language.as_bytes().try_into().ok(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            label: None,
            codec,
            channels,
        }
    }

    fn tracks(places: &[TrackMatch]) -> Vec<Option<usize>> {
        places.iter().map(|place| place.track).collect()
    }

    #[test]
    fn a_language_stays_on_its_track_whatever_the_order() {
        let known = [of("eng", *b"mp4a", 2, &[]), of("fra", *b"mp4a", 2, &[])];
        let swapped = [known[1].clone(), known[0].clone()];
        assert_eq!(tracks(&match_tracks(&known, &swapped)), [Some(1), Some(0)]);
        assert_eq!(tracks(&match_tracks(&known, &swapped[..1])), [Some(1)]);
        let other = [of("deu", *b"mp4a", 2, &[]), known[0].clone()];
        let places = match_tracks(&known, &other);
        assert_eq!(tracks(&places), [None, Some(0)]);
        assert!(places.iter().all(|place| !place.by_position));
    }

    #[test]
    fn what_is_not_said_does_not_speak_against_a_track() {
        let known = [of("eng", *b"mp4a", 2, &["main"]), of("eng", *b"mp4a", 2, &["commentary"])];
        let found = [of("", *b"Opus", 1, &["commentary"]), of("eng", *b"mp4a", 2, &[])];
        let places = match_tracks(&known, &found);
        assert_eq!(tracks(&places), [Some(1), Some(0)]);
        assert!(match_tracks(&known[..1], &found[..1])[0].track.is_none(), "a role that is another");
    }

    #[test]
    fn codec_and_channels_tell_tracks_of_one_language_apart() {
        let known = [of("eng", *b"mp4a", 2, &[]), of("eng", *b"mp4a", 6, &[]), of("eng", *b"ec-3", 6, &[])];
        let found = [known[2].clone(), known[0].clone(), known[1].clone()];
        let places = match_tracks(&known, &found);
        assert_eq!(tracks(&places), [Some(2), Some(0), Some(1)]);
        assert!(places.iter().all(|place| !place.by_position));
    }

    #[test]
    fn position_decides_last_and_says_so() {
        let known = [of("", *b"mp4a", 2, &[]), of("", *b"mp4a", 2, &[])];
        let places = match_tracks(&known, &known);
        assert_eq!(tracks(&places), [Some(0), Some(1)]);
        assert!(places.iter().any(|place| place.by_position));
        assert!(!match_tracks(&known[..1], &known[..1])[0].by_position, "there is no other");
    }
}
