//! The command line.

use export_clip::cage::CagePolicy;
use export_clip::{FileFormat, VideoCodec};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The text that `--help` prints.
pub(crate) const USAGE: &str = "\
Cuts a frame-exact clip out of a DASH or HLS recording on disk.

    clip MANIFEST -o FILE [options]

    clip stream.mpd --start 7.3 --duration 9 -o out.mp4
    clip stream.mpd --start 7.3 --still -o first.jpg
    clip stream.mpd --window 7.3+9=Goal --window 31+4.5 --recording other/stream.mpd --window 0+2 -o reel.mp4

Options:
  -o, --output FILE      the clip: MP4, or a transport stream if FILE ends with .ts; the still if --still is given
      --start SECONDS    start of the clip, counted from the recording's start (default 0)
      --duration SECONDS length of the clip (default 9)
      --window START+LENGTH[=NAME]
                         a part of the clip, in seconds, instead of --start and --duration; all parts follow one another in
                         the order given
      --recording MANIFEST
                         the recording of the parts named behind this (default: the first one)
      --codec CODEC      h264 or h265 (default: the recorded one)
      --container FORM   mp4 or ts (default: as FILE ends, else mp4)
      --still            the first frame as JPEG, and no clip
      --picture FILE     the clip's first frame as JPEG, besides the clip
      --playlist FOLDER  the clip as HLS and DASH playlists, besides the clip: its ends are files in FOLDER, and between them
                         the recording's own segments are named where they are
      --chunks SECONDS   a clip that is encoded as a whole: in chunks of that length, one after the other, and joined
      --ffmpeg PATH      ffmpeg (default: $FFMPEG, else ffmpeg in $PATH)
      --cage POLICY      required, preferred or off: whether ffmpeg runs without rights (default preferred)
      --time SECONDS     time that the cut may take; what is judged to take longer is refused (default 900)
      --memory MIB       memory that ffmpeg and this process share (default 10240)
  -v, --verbose          log to standard error
  -h, --help             print this

For measurements:
      --measure          print what was made, read, written and spent as one line of JSON, also if the cut failed; without
                         -o the files are thrown away
      --repeat N         cut N times
      --synthetic HOURS  repeat the recording's first GOP and its audio until it is that long

A growing recording is not waited for. Exit status: 0 if all was made, 1 if the cut failed, 2 if the options are wrong.";

/// The action that the command line asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    /// `--help`
    Help,
    /// A cut.
    Cut(Box<Options>),
}

/// The options of a cut.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) manifest: PathBuf,
    pub(crate) output: Option<PathBuf>,
    pub(crate) picture: Option<PathBuf>,
    pub(crate) playlist: Option<PathBuf>,
    pub(crate) start_ms: i64,
    pub(crate) duration_ms: i64,
    /// Of which recording each is, counted from 0.
    pub(crate) windows: Vec<(usize, WindowOption)>,
    /// The recordings besides the first one.
    others: Vec<PathBuf>,
    pub(crate) codec: Option<VideoCodec>,
    container: Option<FileFormat>,
    pub(crate) still: bool,
    /// Length of the chunks of a clip that is encoded as a whole.
    pub(crate) chunks: Option<Duration>,
    pub(crate) ffmpeg: PathBuf,
    /// `None`: no cage.
    pub(crate) cage: Option<CagePolicy>,
    pub(crate) left: Duration,
    pub(crate) memory_mib: u64,
    verbose: bool,
    pub(crate) measure: bool,
    pub(crate) repeat: u32,
    pub(crate) synthetic_hours: Option<f64>,
}

impl Options {
    /// Reads the arguments behind the program's name.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
        let mut options = Self {
            manifest: PathBuf::new(),
            output: None,
            picture: None,
            playlist: None,
            start_ms: 0,
            duration_ms: 9000,
            windows: Vec::new(),
            others: Vec::new(),
            codec: None,
            container: None,
            still: false,
            chunks: None,
            ffmpeg: std::env::var_os("FFMPEG").unwrap_or_else(|| "ffmpeg".into()).into(),
            cage: Some(CagePolicy::Preferred),
            left: Duration::from_mins(15),
            memory_mib: 10_240,
            verbose: false,
            measure: false,
            repeat: 1,
            synthetic_hours: None,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "-h" | "--help" => return Ok(Asked::Help),
                "-v" | "--verbose" => options.verbose = true,
                "--still" => options.still = true,
                "--measure" => options.measure = true,
                name if name.starts_with('-') => {
                    let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
                    options.set(name, &value).map_err(|why| format!("{name} {value}: {why}"))?;
                }
                _ if options.manifest.as_os_str().is_empty() => options.manifest = argument.into(),
                other => return Err(format!("there is one manifest; {other} is another argument")),
            }
        }
        options.complete()
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "-o" | "--output" => self.output = Some(value.into()),
            "--picture" => self.picture = Some(value.into()),
            "--playlist" => self.playlist = Some(value.into()),
            "--start" => self.start_ms = milliseconds(value)?,
            "--duration" => self.duration_ms = milliseconds(value)?,
            "--window" => self.windows.push((self.others.len(), WindowOption::read(value)?)),
            "--recording" => self.others.push(value.into()),
            "--codec" => {
                self.codec = Some(match value {
                    "h264" => VideoCodec::H264,
                    "h265" => VideoCodec::Hevc,
                    _ => return Err("is neither h264 nor h265".to_owned()),
                });
            }
            "--container" => {
                self.container = Some(match value {
                    "mp4" => FileFormat::Mp4,
                    "ts" => FileFormat::TransportStream,
                    _ => return Err("is neither mp4 nor ts".to_owned()),
                });
            }
            "--chunks" => {
                let ms = u64::try_from(milliseconds(value)?).unwrap_or(0);
                self.chunks = Some(Duration::from_millis(ms));
            }
            "--ffmpeg" => self.ffmpeg = value.into(),
            "--cage" if value == "off" => self.cage = None,
            "--cage" => {
                let policy = value.parse().map_err(|()| "is neither required, preferred nor off")?;
                self.cage = Some(policy);
            }
            "--time" => self.left = Duration::from_secs(number(value)?),
            "--memory" => self.memory_mib = number(value)?,
            "--repeat" => self.repeat = number(value)?,
            "--synthetic" => self.synthetic_hours = Some(number(value)?),
            _ => return Err("there is no such option".to_owned()),
        }
        Ok(())
    }

    fn complete(self) -> Result<Asked, String> {
        if self.manifest.as_os_str().is_empty() {
            return Err("which recording? A manifest must be named".to_owned());
        }
        if self.output.is_none() && !self.measure {
            return Err("where to? -o FILE must be given".to_owned());
        }
        Ok(Asked::Cut(Box::new(self)))
    }

    /// The folder that all recordings are in: of one recording, its own.
    pub(crate) fn folder(&self) -> PathBuf {
        let folder = folder_of(&self.manifest);
        let mut common = folder.to_path_buf();
        for other in &self.others {
            let both = common.components().zip(folder_of(other).components());
            common = both.take_while(|(one, other)| one == other).map(|(one, _)| one).collect();
        }
        if common.as_os_str().is_empty() { PathBuf::from(".") } else { common }
    }

    /// The manifests by their paths in that folder.
    pub(crate) fn manifests(&self) -> Result<Vec<String>, String> {
        let folder = self.folder();
        let name = |manifest: &PathBuf| {
            let path = manifest.strip_prefix(&folder).unwrap_or(manifest);
            path.to_str()
                .map(str::to_owned)
                .ok_or_else(|| "a manifest's name is not readable text".to_owned())
        };
        std::iter::once(&self.manifest).chain(&self.others).map(name).collect()
    }

    /// The parts of the clip.
    pub(crate) fn parts(&self) -> Vec<(usize, WindowOption)> {
        if !self.windows.is_empty() {
            return self.windows.clone();
        }
        let (start_ms, duration_ms) = (self.start_ms, self.duration_ms);
        vec![(0, WindowOption { start_ms, duration_ms, name: None })]
    }

    /// The clip's container.
    pub(crate) fn container(&self) -> FileFormat {
        let ts = || self.output.as_ref().is_some_and(|path| path.extension().is_some_and(|end| end == "ts"));
        self.container.unwrap_or_else(|| if ts() { FileFormat::TransportStream } else { FileFormat::Mp4 })
    }

    /// Turns the engine's logs on, if they are wanted.
    pub(crate) fn log(&self) {
        if self.verbose {
            tracing_subscriber::fmt().with_writer(std::io::stderr).init();
        }
    }
}

/// A part of the clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WindowOption {
    pub(crate) start_ms: i64,
    pub(crate) duration_ms: i64,
    pub(crate) name: Option<String>,
}

impl WindowOption {
    fn read(text: &str) -> Result<Self, String> {
        let (times, name) = match text.split_once('=') {
            Some((times, name)) => (times, Some(name.to_owned())),
            None => (text, None),
        };
        let (start, length) = times.split_once('+').ok_or("is not START+LENGTH")?;
        Ok(Self { start_ms: milliseconds(start)?, duration_ms: milliseconds(length)?, name })
    }
}

fn folder_of(manifest: &Path) -> &Path {
    let folder = manifest.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Seconds with at most three decimals, as milliseconds.
fn milliseconds(seconds: &str) -> Result<i64, String> {
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, ""));
    if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("is not a number of seconds with at most three decimals".to_owned());
    }
    let whole: i64 = number(whole)?;
    let part: i64 = number(&format!("{part:0<3}"))?;
    let ms = whole.checked_mul(1000).and_then(|ms| ms.checked_add(part));
    ms.filter(|ms| *ms >= 0).ok_or_else(|| "is out of range".to_owned())
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| "is not a number that fits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Asked, String> {
        Options::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn seconds_are_read_to_the_millisecond() {
        for (text, ms) in [("7.3", 7300), ("9", 9000), ("0.007", 7), ("12.50", 12_500)] {
            assert_eq!(milliseconds(text), Ok(ms), "{text}");
        }
        for text in ["", "-1", "1.2345", "x", "1.-5", "9223372036854775807"] {
            assert!(milliseconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_options_is_said() {
        for (line, why) in [
            ("", "which recording?"),
            ("stream.mpd", "-o FILE must be given"),
            ("stream.mpd -o", "-o needs a value"),
            ("stream.mpd -o a --start x", "--start x: is not a number"),
            ("stream.mpd -o a --codec vp9", "neither h264 nor h265"),
            ("stream.mpd -o a --cage maybe", "neither required, preferred nor off"),
            ("stream.mpd -o a --window 3", "is not START+LENGTH"),
            ("stream.mpd -o a --loud yes", "--loud yes: there is no such option"),
            ("stream.mpd other.mpd -o a", "other.mpd is another argument"),
        ] {
            let said = read(line).err().unwrap_or_default();
            assert!(said.contains(why), "{line}: {said}");
        }
    }

    #[test]
    fn the_container_is_as_the_files_name_ends_unless_it_is_named() {
        for (line, container) in [
            ("stream.mpd -o a.mp4", FileFormat::Mp4),
            ("stream.mpd -o a.ts", FileFormat::TransportStream),
            ("stream.mpd -o a.ts --container mp4", FileFormat::Mp4),
            ("stream.mpd --measure", FileFormat::Mp4),
        ] {
            let Ok(Asked::Cut(options)) = read(line) else { panic!("{line}") };
            assert_eq!(options.container(), container, "{line}");
        }
    }

    #[test]
    fn parts_are_of_the_recording_that_was_named_last() {
        let line = "x/a/s.mpd -o a --window 1+2=A=b --recording x/b/s.mpd --window 0.5+3 --window 9+1";
        let Ok(Asked::Cut(options)) = read(line) else { panic!("{line}") };
        let part = |of, start_ms, duration_ms, name: Option<&str>| {
            (of, WindowOption { start_ms, duration_ms, name: name.map(str::to_owned) })
        };
        let parts = [part(0, 1000, 2000, Some("A=b")), part(1, 500, 3000, None), part(1, 9000, 1000, None)];
        assert_eq!(options.parts(), parts);
        assert_eq!(options.folder(), Path::new("x"));
        assert_eq!(options.manifests().unwrap(), ["a/s.mpd", "b/s.mpd"]);
        let Ok(Asked::Cut(options)) = read("s.mpd -o a --start 3") else { panic!("no options") };
        assert_eq!((options.folder(), options.parts()), (".".into(), vec![part(0, 3000, 9000, None)]));
        assert_eq!(options.manifests().unwrap(), ["s.mpd"]);
    }

    #[test]
    fn every_option_is_in_the_help() {
        let source = include_str!("options.rs");
        let options = source.split('"').filter(|part| part.starts_with("--") && !part.contains(' '));
        let options: Vec<&str> = options.filter(|option| option.len() > 2).collect();
        assert!(options.len() > 10);
        assert_eq!(options.iter().find(|option| !USAGE.contains(*option)), None);
    }
}
