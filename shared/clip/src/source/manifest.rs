//! The manifest of a recording. Of HLS that is the playlist that is asked for, and those of the picture and the audio
//! that it names.

use super::Reader;
use crate::Source;
use crate::error::{Error, Kind};
use crate::notes::WarningCode;
use bytes::Bytes;
use export_media::hls::{
    HlsPlaylist, MAX_PLAYLIST_BYTES, Master, MediaPlaylist, Rendition, Variant, parse, recording,
};
use export_media::mpd::{self, Mpd, MpdError, ObjectRange};
use export_media::nal::VideoCodec;

/// Audio renditions that a clip may have.
const MOST_AUDIO: usize = 32;

/// Reads the manifest at `key`; of HLS playlists those of the picture, in the codec that is wanted anyway if there is a
/// choice, and its audio.
pub(crate) async fn manifest<O: Source>(
    reader: &Reader<O>,
    key: &str,
    wanted: Option<VideoCodec>,
) -> Result<Result<Mpd, MpdError>, Error> {
    match reader.manifest_text(key).await? {
        None => Ok(Err(MpdError::TooLarge)),
        Some((text, path)) if is_playlist(key) => hls(reader, path, &text, wanted).await,
        Some((text, _)) => Ok(mpd::parse(&text)),
    }
}

/// Keys of S3 tell upper case from lower case.
fn is_playlist(key: &str) -> bool {
    key.rsplit_once('.').is_some_and(|(_, kind)| kind == "m3u8")
}

/// The recording whose playlist at `path` in its directory is `text`.
async fn hls<O: Source>(
    reader: &Reader<O>,
    path: &str,
    text: &Bytes,
    wanted: Option<VideoCodec>,
) -> Result<Result<Mpd, MpdError>, Error> {
    match parse(text, path) {
        Ok(HlsPlaylist::Media(media)) => Ok(recording(&Variant::default(), &media, &[])),
        Ok(HlsPlaylist::Master(master)) => of_variant(reader, &master, wanted).await,
        Err(error) => Ok(Err(error)),
    }
}

async fn of_variant<O: Source>(
    reader: &Reader<O>,
    master: &Master,
    wanted: Option<VideoCodec>,
) -> Result<Result<Mpd, MpdError>, Error> {
    let Some(variant) = master.choose(wanted) else { return Ok(Err(MpdError::NoSegments)) };
    let Some(picture) = media(reader, &variant.path).await? else {
        return Err(Kind::BadRecording
            .because("the playlist of the variant is listed and does not exist")
            .into());
    };
    let mut audio: Vec<(Rendition, MediaPlaylist)> = Vec::new();
    for rendition in master.audio_of(variant).into_iter().take(MOST_AUDIO) {
        match media(reader, &rendition.path).await? {
            Some(Ok(found)) => audio.push((rendition.clone(), found)),
            Some(Err(error)) => left_out(reader, rendition, &error.to_string()),
            None => left_out(reader, rendition, "its playlist is listed and does not exist"),
        }
    }
    Ok(picture.and_then(|picture| recording(variant, &picture, &audio)))
}

/// A playlist of segments; `None` if it does not exist.
async fn media<O: Source>(
    reader: &Reader<O>,
    path: &str,
) -> Result<Option<Result<MediaPlaylist, MpdError>>, Error> {
    let most = u64::try_from(MAX_PLAYLIST_BYTES).unwrap_or(u64::MAX);
    let resource = ObjectRange { path: path.to_owned(), range: None };
    let Some(text) = reader.read(&resource, most).await? else { return Ok(None) };
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
