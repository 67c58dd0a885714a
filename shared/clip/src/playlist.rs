//! The clip as a playlist: its rendered ends are media segments of their own, and between them stand the recording's.

mod sound;

use crate::Source;
use crate::error::Error;
use crate::listed::{MadePlaylist, NoPlaylist};
use crate::notes::WarningCode;
use crate::source::{Reader, RecordedPlace, Track};
use crate::write::assembly::{Block, ClipSample};
use export_media::entries::{SharedEntry, only_sets_removed};
use export_media::fmp4::{Codec, described};
use export_media::nal::VideoCodec;
use export_media::playlist::{
    JoinError, JoinedSample, JoinedTrack, Joiner, MediaPlace, Playlist, PlaylistTrack, codecs,
};
use export_media::time::Nanos;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use sound::{MediaTime, SoundPart};

/// Makes the picture track of a playlist from the pictures of a clip as they are joined.
pub(crate) struct PlaylistMaker {
    track: Arc<Track>,
    entry: SharedEntry,
    joiner: Joiner,
    /// The part of the window that the pictures show.
    shown: Option<(Nanos, Nanos)>,
    refused: Option<NoPlaylist>,
}

impl PlaylistMaker {
    /// For a clip of `track` whose sample entry is `entry`, unless it has none for the reason `refused`.
    pub(crate) fn new(track: Arc<Track>, entry: SharedEntry, refused: Option<NoPlaylist>) -> Self {
        let joiner = Joiner::new(track.init.id, track.init.edit_shift);
        let refused = refused.or_else(|| check(&track).err());
        Self { track, entry, joiner, shown: None, refused }
    }

    /// The next pictures of the clip.
    pub(crate) fn take(&mut self, block: &Block) {
        if self.refused.is_some() {
            return;
        }
        if block.starts && self.shown.is_some() {
            self.refused = Some(NoPlaylist::Hole);
            return;
        }
        for picture in &block.pictures {
            if let Err(why) = self.add(picture) {
                self.refused = Some(why);
                return;
            }
        }
    }

    fn add(&mut self, picture: &ClipSample) -> Result<(), NoPlaylist> {
        let (from, until) = (picture.pts, picture.pts + picture.duration);
        self.shown = Some(self.shown.map_or((from, until), |(a, b)| (a.min(from), b.max(until))));
        let data = self.entry.sample(&picture.config, &picture.data)?;
        let line = &self.track.timeline;
        let (pts, end) = (line.first_tick_at_or_after(from), line.first_tick_at_or_after(until));
        let duration = u32::try_from(end.saturating_sub(pts)).unwrap_or(1).max(1);
        let joined = JoinedSample { pts, dts: None, duration, sync: picture.sync, data };
        let Some(origin) = &picture.origin else {
            self.joiner.rendered(joined);
            return Ok(());
        };
        let RecordedPlace { segment, sample } = origin;
        if line.to_nanos_floor(sample.pts) != picture.pts {
            return Err(JoinError::Times.into());
        }
        let is_stored = only_sets_removed(&picture.config, &picture.data, &joined.data);
        let altered = (sample.duration != duration || !is_stored).then(|| origin.altered());
        let segment = altered.as_ref().map_or(segment, |origin| &origin.segment);
        self.joiner.recorded(segment, JoinedSample { dts: Some(sample.dts), ..joined });
        Ok(())
    }

    /// The playlist, once all pictures have been taken.
    ///
    /// # Errors
    /// [`NoPlaylist`].
    pub(crate) async fn finish<O: Source>(
        self,
        reader: &Reader<O>,
        sound: &[SoundPart],
    ) -> Result<MadePlaylist, NoPlaylist> {
        let Self { track, entry, joiner, shown, refused } = self;
        if let Some(refused) = refused {
            return Err(refused);
        }
        let (from, until) = shown.ok_or(JoinError::Empty)?;
        let JoinedTrack { segments, mut files, independent } = joiner.finish(|n| format!("video-{n}.m4s"))?;
        let (_, init) = track.stored_init(reader).await?;
        let entry = entry.boxed_as(track.init.sample_entries.first())?;
        let init = described(&init, Some(&entry.bytes)).map_err(Error::from)?;
        files.push(("video.mp4".to_owned(), init));
        let mut playlist = Playlist {
            video: PlaylistTrack {
                codecs: codecs(&entry).unwrap_or_default(),
                size: Some((entry.width, entry.height)),
                zero: track.timeline.first_tick_at_or_after(from),
                init: MediaPlace::Made("video.mp4".to_owned()),
                independent,
                segments,
                ..described_by(&track)
            },
            audio: Vec::new(),
            contents: BTreeMap::new(),
        };
        let clock = MediaTime { ticks: playlist.video.zero, timescale: playlist.video.timescale };
        for (n, part) in sound.iter().enumerate() {
            if let Some((track, made)) = part.listed(reader, (from, until), clock, n).await? {
                playlist.audio.push(track);
                files.extend(made);
            }
        }
        match damage(reader) {
            Some(damage) => Err(NoPlaylist::Damaged(damage)),
            None => Ok(MadePlaylist { playlist, files }),
        }
    }
}

/// Refuses recordings whose segments cannot stand beside others.
pub(crate) fn check(track: &Track) -> Result<(), NoPlaylist> {
    let Some(Some(config)) = track.configs.first() else { return Err(NoPlaylist::Codec) };
    if config.codec != VideoCodec::H264 {
        return Err(NoPlaylist::Codec);
    }
    if !is_alone(track) {
        return Err(NoPlaylist::Multiplexed);
    }
    if config.sps(&[]).is_ok_and(|sps| sps.interlaced) {
        return Err(NoPlaylist::Interlaced);
    }
    if !matches!(config.entry.codec, Codec::H264 { nal_length_size: 4, .. }) {
        return Err(NoPlaylist::Sets("NAL units have lengths of less than four bytes".to_owned()));
    }
    Ok(())
}

/// Returns `true` if the track is alone in its file, with one sample entry.
pub(crate) fn is_alone(track: &Track) -> bool {
    track.is_fragmented()
        && track.init.other_sizes.is_empty()
        && track.init.sample_entries.len() == 1
        && !track.init.more_edits
}

/// What the manifest says of a track; the rest is empty.
pub(crate) fn described_by(track: &Track) -> PlaylistTrack {
    PlaylistTrack {
        codecs: String::new(),
        bandwidth: track.bandwidth(),
        timescale: track.timeline.timescale().get(),
        zero: 0,
        size: None,
        language: track.language_tag().map(str::to_owned),
        label: track.label().map(str::to_owned),
        independent: false,
        init: MediaPlace::Made(String::new()),
        segments: Vec::new(),
    }
}

/// What the clip lacks or has corrected, so that recorded segments alone do not show it.
fn damage<O: Source>(reader: &Reader<O>) -> Option<String> {
    let harmless = [WarningCode::StartTimeDiffers, WarningCode::AudioEncoded, WarningCode::MetadataLeftOut];
    let warnings = reader.notes().warnings();
    let found = warnings.into_iter().find(|warning| !harmless.contains(&warning.code));
    let missed =
        || reader.has_missed().then(|| "a segment that the manifest lists does not exist".to_owned());
    found.map(|warning| warning.detail).or_else(missed)
}
