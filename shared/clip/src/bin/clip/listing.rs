//! A clip as a playlist on disk.

use export_clip::{MadePlaylist, MediaPlace, NoPlaylist};
use export_media::playlist::hls::HlsTrack;
use export_media::playlist::{Ends, dash, hls};
use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt::Write as _;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Writes what was made into `folder`: the files that are not those of the recording in the folder `recording`, and
/// playlists that name both by relative references.
///
/// # Errors
/// What cannot be written.
pub(crate) fn write(made: &MadePlaylist, recording: &Path, folder: &Path) -> Result<(), Box<dyn StdError>> {
    fs::create_dir_all(folder)?;
    let way = way(&folder.canonicalize()?, &recording.canonicalize()?);
    for (name, bytes) in &made.files {
        fs::write(folder.join(name), bytes)?;
    }
    let mut uri = |place: &MediaPlace| match place {
        MediaPlace::Made(name) => Cow::from(name.clone()),
        MediaPlace::Recorded(path, _) => format!("{}{}", escaped(&way), escaped(path)).into(),
    };
    let name = |track| match track {
        HlsTrack::Video => "video.m3u8".to_owned(),
        HlsTrack::Audio(n) => format!("audio-{n}.m3u8"),
    };
    let playlist = &made.playlist;
    fs::write(folder.join("stream.mpd"), dash::manifest(playlist, None, &mut uri))?;
    fs::write(folder.join("stream.m3u8"), hls::multivariant(playlist, Ends::Exact, name))?;
    fs::write(folder.join(name(HlsTrack::Video)), hls::media(&playlist.video, Ends::Exact, &mut uri))?;
    for (n, audio) in playlist.audio.iter().enumerate() {
        fs::write(folder.join(name(HlsTrack::Audio(n))), hls::media(audio, Ends::Exact, &mut uri))?;
    }
    Ok(())
}

/// What is printed of it.
pub(crate) fn summary(made: Option<&Result<MadePlaylist, NoPlaylist>>) -> String {
    match made {
        None => String::new(),
        Some(Ok(made)) => {
            let bytes: usize = made.files.iter().map(|(_, bytes)| bytes.len()).sum();
            format!("\nplaylist: {} files of {bytes} bytes were made", made.files.len())
        }
        Some(Err(why)) => format!("\nno playlist: {why}"),
    }
}

/// The relative reference from one folder to another; it ends in `/`.
fn way(from: &Path, to: &Path) -> String {
    let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(to.components().skip(common)).collect();
    if path.as_os_str().is_empty() { String::new() } else { format!("{}/", path.display()) }
}

/// A path as a URI may have it (RFC 3986, 3.3).
fn escaped(path: &str) -> String {
    path.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(byte.into());
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_reached_from_beside_from_within_and_from_itself() {
        for (from, to, expected) in
            [("/a/b", "/a/c", "../c/"), ("/a/b/p", "/a/b", "../"), ("/a", "/a/b", "b/"), ("/a", "/a", "")]
        {
            assert_eq!(way(Path::new(from), Path::new(to)), expected, "{from} {to}");
        }
        assert_eq!(escaped("../a b/ü#1.m4s"), "../a%20b/%C3%BC%231.m4s");
    }
}
