//! The manifest of a recording. Of HLS that is the playlist that is asked for, and those of the picture and the audio
//! that it names; of a single file it is made of the file's boxes.

use super::{Reader, file, stream};
use crate::Source;
use crate::error::{Error, Kind, Refusal};
use crate::notes::WarningCode;
use bytes::Bytes;
use export_media::extent::Extent;
use export_media::hls::{
    HlsPlaylist, MAX_PLAYLIST_BYTES, Master, MediaPlaylist, Rendition, Variant, parse, recording,
};
use export_media::mpd::{self, Mpd, MpdError};
use export_media::nal::VideoCodec;
use export_media::time::Nanos;
use export_media::window::{Asked, Window};
use futures_util::future::join_all;

/// Audio renditions that a clip may have.
const MOST_AUDIO: usize = 32;

/// A choice among pictures, if a recording has them more than once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Preference<'a> {
    /// The codec that is wanted anyway.
    pub(crate) codec: Option<VideoCodec>,
    /// The window; `None` is all of the recording.
    pub(crate) window: Option<&'a Asked>,
}

impl Preference<'_> {
    /// The part of the window that a recording lists, and its end.
    fn covered(&self, mpd: &Mpd) -> (Nanos, Nanos) {
        // What a recorder may yet list is not covered.
        let Some(extent) = Extent::of(mpd, 0) else { return (Nanos::ZERO, Nanos::ZERO) };
        let end = extent.end.unwrap_or(extent.start);
        let window = self.window.map(|asked| Window::of(mpd, asked));
        let (from, until) = window.map_or((extent.start, end), |window| (window.start, window.end));
        let covered = extent.listed_in(from, until);
        (covered, if covered < until - from { end } else { Nanos::ZERO })
    }

    /// Returns `true` if a recording that was chosen for another window lists all of this one.
    pub(crate) fn is_covered(&self, mpd: &Mpd) -> bool {
        self.covered(mpd).1 == Nanos::ZERO
    }
}

/// Reads the manifest at `key`; of HLS playlists those of the picture and its audio.
pub(crate) async fn manifest<O: Source>(
    reader: &Reader<O>,
    key: &str,
    preference: Preference<'_>,
) -> Result<Result<Mpd, MpdError>, Error> {
    if is_of(key, "mp4") {
        return Ok(Ok(file::manifest(reader, reader.relative(key)).await?));
    }
    if is_of(key, "ts") || is_of(key, "m2ts") {
        return Ok(Ok(stream::manifest(reader, reader.relative(key)).await?));
    }
    match reader.manifest_text(key).await? {
        None => Ok(Err(MpdError::TooLarge)),
        Some((text, path)) if is_playlist(key) => hls(reader, path, &text, preference).await,
        Some((text, _)) => Ok(mpd::parse(&text)),
    }
}

/// Returns `true` if the manifest at `key` is a playlist of HLS.
pub(crate) fn is_playlist(key: &str) -> bool {
    is_of(key, "m3u8")
}

/// Keys of S3 tell upper case from lower case.
fn is_of(key: &str, ending: &str) -> bool {
    key.rsplit_once('.').is_some_and(|(_, kind)| kind == ending)
}

/// The recording whose playlist at `path` in its directory is `text`.
async fn hls<O: Source>(
    reader: &Reader<O>,
    path: &str,
    text: &Bytes,
    preference: Preference<'_>,
) -> Result<Result<Mpd, MpdError>, Error> {
    match parse(text, path) {
        Ok(HlsPlaylist::Media(media)) => Ok(recording(&Variant::default(), &media, &[])),
        Ok(HlsPlaylist::Master(master)) => best(reader, &master, preference).await,
        Err(error) => Ok(Err(error)),
    }
}

/// The recording of the best variant, or of its twin where that lists more of what is wanted.
async fn best<O: Source>(
    reader: &Reader<O>,
    master: &Master,
    preference: Preference<'_>,
) -> Result<Result<Mpd, MpdError>, Error> {
    let Some(variant) = master.choose(preference.codec) else { return Ok(Err(MpdError::NoSegments)) };
    let Some(twin) = master.twin(variant) else {
        return of_variant(reader, master, variant).await?.ok_or_else(|| absent().into());
    };
    let (first, second) = tokio::join!(of_variant(reader, master, variant), of_variant(reader, master, twin));
    let covered = |found: &Result<Mpd, MpdError>| found.as_ref().ok().map(|mpd| preference.covered(mpd));
    match (first?, second?) {
        (Some(first), Some(second)) if covered(&second) > covered(&first) => Ok(second),
        (Some(found), _) | (None, Some(found)) => Ok(found),
        (None, None) => Err(absent().into()),
    }
}

fn absent() -> Refusal {
    Kind::BadRecording.because("the playlist of the variant is listed and does not exist")
}

/// The recording of a variant, whose playlists are read side by side; `None` if that of the picture does not exist.
async fn of_variant<O: Source>(
    reader: &Reader<O>,
    master: &Master,
    variant: &Variant,
) -> Result<Option<Result<Mpd, MpdError>>, Error> {
    let renditions: Vec<&Rendition> = master.audio_of(variant).into_iter().take(MOST_AUDIO).collect();
    let audio = join_all(renditions.iter().map(|rendition| media(reader, &rendition.path)));
    let (picture, audio) = tokio::join!(media(reader, &variant.path), audio);
    let Some(picture) = picture? else { return Ok(None) };
    let mut found: Vec<(Rendition, MediaPlaylist)> = Vec::new();
    for (rendition, audio) in renditions.into_iter().zip(audio) {
        match audio? {
            Some(Ok(audio)) => found.push((rendition.clone(), audio)),
            Some(Err(error)) => left_out(reader, rendition, &error.to_string()),
            None => left_out(reader, rendition, "its playlist is listed and does not exist"),
        }
    }
    Ok(Some(picture.and_then(|picture| recording(variant, &picture, &found))))
}

/// A playlist of segments; `None` if it does not exist.
async fn media<O: Source>(
    reader: &Reader<O>,
    path: &str,
) -> Result<Option<Result<MediaPlaylist, MpdError>>, Error> {
    let most = u64::try_from(MAX_PLAYLIST_BYTES).unwrap_or(u64::MAX);
    let Some(text) = reader.playlist(path, most).await? else { return Ok(None) };
    Ok(Some(match parse(&text, path) {
        Ok(HlsPlaylist::Media(media)) => Ok(media),
        Ok(HlsPlaylist::Master(_)) => Err(MpdError::BadValue("EXT-X-STREAM-INF")),
        Err(error) => Err(error),
    }))
}

fn left_out<O: Source>(reader: &Reader<O>, rendition: &Rendition, why: &str) {
    let detail = format!("the rendition {}: {why}", rendition.name.escape_debug());
    reader.notes().warn(WarningCode::AudioLeftOut, detail);
}
