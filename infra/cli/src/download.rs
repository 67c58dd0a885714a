//! Files of jobs: resumed where they stopped, checked, and never in the place of another file.

mod sink;

use crate::api::{Api, FileView, FilesView, JobView};
use crate::error::{CliError, Exit};
use crate::http::plain;
use crate::progress::{ProgressBoard, ProgressItem, ProgressPace};
use crate::show::size;
use export_domain::ids::JobId;
use sink::DownloadSink;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes that are read at once.
const CHUNK: usize = 128 * 1024;

/// Which of a job's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// The clip.
    Video,
    /// The first frame.
    Image,
}

impl FileKind {
    /// The file that a job makes: a clip, or a picture alone.
    pub fn of(job: &JobView) -> Self {
        if job.is_clip() { Self::Video } else { Self::Image }
    }

    fn of_files(self, files: FilesView) -> Option<FileView> {
        match self {
            Self::Video => files.video,
            Self::Image => files.image,
        }
    }
}

/// The place that files go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DownloadGoal {
    /// A path, a folder, or a template with `{name}`, `{id}` and `{n}`.
    Path(PathBuf),
    /// Stdout.
    Stdout,
}

impl DownloadGoal {
    /// The goal of `-o`; the working folder without it.
    pub fn parse(text: Option<&Path>) -> Self {
        match text {
            None => Self::Path(PathBuf::from(".")),
            Some(path) if path.as_os_str() == "-" => Self::Stdout,
            Some(path) => Self::Path(path.to_owned()),
        }
    }

    /// Returns `true` if several files have room there.
    pub fn takes_many(&self) -> bool {
        match self {
            Self::Stdout => false,
            Self::Path(path) => is_folder(path) || path.to_string_lossy().contains('{'),
        }
    }

    /// The place of the file `name` of the `n`th job.
    fn place(path: &Path, name: &str, id: &JobId, n: usize) -> Result<PathBuf, CliError> {
        let name = Path::new(name).file_name().and_then(|name| name.to_str()).filter(|plain| *plain == name);
        let Some(name) = name else {
            return Err(CliError::new(Exit::Unreachable, "the service names a file that is no plain name"));
        };
        if is_folder(path) {
            return Ok(path.join(name));
        }
        let text = path.to_string_lossy();
        if !text.contains('{') {
            return Ok(path.to_owned());
        }
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let text = text.replace("{name}", stem).replace("{id}", id.as_str()).replace("{n}", &n.to_string());
        Ok(PathBuf::from(text))
    }
}

/// A path that exists as a folder, or ends with `/`.
fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.to_string_lossy().ends_with('/')
}

/// A file to get.
#[derive(Debug, Clone, Copy)]
pub struct WantedFile<'a> {
    /// The job.
    pub id: &'a JobId,
    /// Its place among those of this run, from 1.
    pub n: usize,
    /// Which of its files.
    pub which: FileKind,
}

/// Gets files.
pub struct Downloader<'a> {
    api: &'a Api<'a>,
    goal: &'a DownloadGoal,
    may_replace: bool,
    board: ProgressBoard,
}

impl<'a> Downloader<'a> {
    /// Gets files to `goal`; `may_replace` those that are there, and `is_shown` on the line of progress.
    pub fn new(api: &'a Api<'a>, goal: &'a DownloadGoal, may_replace: bool, is_shown: bool) -> Self {
        Self { api, goal, may_replace, board: ProgressBoard::start(is_shown) }
    }

    /// Gets one file, and returns its path; `None` on stdout.
    ///
    /// # Errors
    /// [`CliError`] if there is no such file, another one is in its place, or it does not come whole.
    pub fn get(&self, wanted: WantedFile<'_>) -> Result<Option<PathBuf>, CliError> {
        let file = self.link(wanted)?;
        match self.goal {
            DownloadGoal::Stdout => {
                self.fill(&mut DownloadSink::stdout(), &file, wanted)?;
                Ok(None)
            }
            DownloadGoal::Path(path) => {
                let place = DownloadGoal::place(path, &file.file_name, wanted.id, wanted.n)?;
                self.to_place(&place, &file, wanted)?;
                Ok(Some(place))
            }
        }
    }

    fn to_place(&self, place: &Path, file: &FileView, wanted: WantedFile<'_>) -> Result<(), CliError> {
        if !self.may_replace && place.symlink_metadata().is_ok() {
            return if sink::is_same(place, file) { Ok(()) } else { Err(occupied(place)) };
        }
        let mut sink = DownloadSink::part_of(place, wanted.id)?;
        self.fill(&mut sink, file, wanted)?;
        if !sink.is_whole(file)? {
            // What was there of an earlier run may have been of another life of the job.
            sink.restart()?;
            self.fill(&mut sink, file, wanted)?;
            if !sink.is_whole(file)? {
                let message =
                    format!("{} does not have the checksum that the service names", place.display());
                return Err(
                    CliError::new(Exit::Failed, message).help("try again; the service's copy may be damaged")
                );
            }
        }
        sink.publish(place, self.may_replace)
    }

    /// The link to a file.
    fn link(&self, wanted: WantedFile<'_>) -> Result<FileView, CliError> {
        let files = self.api.files(wanted.id)?;
        wanted.which.of_files(files).ok_or_else(|| {
            let what = if wanted.which == FileKind::Video {
                "no clip: only its picture was asked for"
            } else {
                "no picture"
            };
            CliError::new(Exit::NotFound, format!("job {} has {what}", wanted.id))
        })
    }

    /// Reads until all bytes are there. What breaks off goes on where it was; each progress gives new tries.
    fn fill(&self, sink: &mut DownloadSink, file: &FileView, wanted: WantedFile<'_>) -> Result<(), CliError> {
        let client = self.api.client();
        let (mut tries, mut url, mut pace) = (0, file.url.clone(), ProgressPace::default());
        if sink.have() > file.bytes {
            sink.restart()?;
        }
        while sink.have() < file.bytes {
            let before = sink.have();
            let Some(missed) = self.some(sink, &url, file, &mut pace)? else { continue };
            tries = if sink.have() > before { 0 } else { tries + 1 };
            if tries > client.patience().retries {
                return Err(stuck(sink, file, &missed));
            }
            client.rest(tries);
            // A link ends after a while.
            url = self.link(wanted)?.url;
        }
        sink.done()
    }

    /// Reads what one connection brings; returns why it brought no more.
    fn some(
        &self,
        sink: &mut DownloadSink,
        url: &str,
        file: &FileView,
        pace: &mut ProgressPace,
    ) -> Result<Option<String>, CliError> {
        self.show(sink, file, pace);
        let mut stream = match self.api.client().open(url, sink.have()) {
            Ok(stream) => stream,
            Err(error) => return Ok(Some(plain(&error))),
        };
        let mut skip = match stream.status {
            206 => 0,
            // The store does not resume: what is there already comes again.
            200 => sink.have(),
            status => return Ok(Some(format!("the store answers {status}"))),
        };
        let mut chunk = vec![0; CHUNK];
        while sink.have() < file.bytes {
            match stream.body.read(&mut chunk) {
                Ok(0) => return Ok(Some("the connection was closed".to_owned())),
                Ok(count) => {
                    let bytes = chunk.get(..count).unwrap_or_default();
                    let past = usize::try_from(skip).unwrap_or(usize::MAX).min(count);
                    skip -= u64::try_from(past).unwrap_or(0);
                    sink.write(bytes.get(past..).unwrap_or_default())?;
                    self.show(sink, file, pace);
                }
                Err(error) => return Ok(Some(plain(&ureq::Error::from(error)))),
            }
        }
        Ok(None)
    }

    fn show(&self, sink: &DownloadSink, file: &FileView, pace: &mut ProgressPace) {
        let percent = i64::try_from(sink.have().saturating_mul(100) / file.bytes.max(1)).unwrap_or(100);
        self.board.show(vec![ProgressItem {
            label: file.file_name.clone(),
            step: "downloading".to_owned(),
            percent: Some(percent),
            numbers: format!("{} of {}", size(sink.have()), size(file.bytes)),
            left: pace.at(percent),
            ..ProgressItem::default()
        }]);
    }
}

fn stuck(sink: &DownloadSink, file: &FileView, why: &str) -> CliError {
    let message = format!("{} stops at {} of {} bytes", file.file_name, sink.have(), file.bytes);
    let error = CliError::new(Exit::Unreachable, message).because(why);
    error.maybe_help(
        sink.part().map(|part| format!("{} is kept: the same command goes on from there", part.display())),
    )
}

fn occupied(place: &Path) -> CliError {
    CliError::usage(format!("{} exists and is another file", place.display()))
        .help("choose another name with -o, or replace it with --force")
}
