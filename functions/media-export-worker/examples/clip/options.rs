//! The command line.

use export_lambda::config::Env;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

/// What to run.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) recording: PathBuf,
    pub(crate) mpd: String,
    pub(crate) start_ms: i64,
    pub(crate) duration_ms: i64,
    pub(crate) export_type: u8,
    pub(crate) mp4: bool,
    pub(crate) still: bool,
    pub(crate) out: Option<PathBuf>,
    pub(crate) repeat: u32,
    pub(crate) ffmpeg: PathBuf,
    /// What the function has.
    pub(crate) memory_mib: u64,
    /// What the invocation has left.
    pub(crate) left: Duration,
    pub(crate) synthetic_hours: Option<f64>,
}

impl Options {
    /// # Errors
    /// An unknown name, a name without a value, or a value that is none.
    pub(crate) fn of_arguments(env: &Env) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            recording: PathBuf::new(),
            mpd: "stream.mpd".to_owned(),
            start_ms: 0,
            duration_ms: 9000,
            export_type: 0,
            mp4: true,
            still: false,
            out: None,
            repeat: 1,
            ffmpeg: env.optional("FFMPEG").unwrap_or_else(|| "ffmpeg".to_owned()).into(),
            memory_mib: 10_240,
            left: Duration::from_mins(15),
            synthetic_hours: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            options.set(&name, value).map_err(|e| format!("{name}: {e}"))?;
        }
        if options.recording.as_os_str().is_empty() {
            return Err("--recording is required".into());
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), Box<dyn Error>> {
        match name {
            "--recording" => self.recording = value.into(),
            "--mpd" => self.mpd = value,
            "--start-ms" => self.start_ms = value.parse()?,
            "--duration-ms" => self.duration_ms = value.parse()?,
            "--type" => self.export_type = value.parse()?,
            "--container" => self.mp4 = value == "mp4",
            "--still" => self.still = value.parse()?,
            "--out" => self.out = Some(value.into()),
            "--repeat" => self.repeat = value.parse()?,
            "--ffmpeg" => self.ffmpeg = value.into(),
            "--memory-mib" => self.memory_mib = value.parse()?,
            "--left-s" => self.left = Duration::from_secs(value.parse()?),
            "--synthetic-hours" => self.synthetic_hours = Some(value.parse()?),
            _ => return Err("unknown".into()),
        }
        Ok(())
    }
}
