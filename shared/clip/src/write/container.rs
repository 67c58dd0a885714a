//! The clip's file as it is written: MP4 with its head first, or a transport stream through ffmpeg.

use crate::ClipWriter;
use crate::error::{Error, Unfit};
use crate::ffmpeg::{Ffmpeg, Running, Stdin};
use crate::task::Task;
use bytes::Bytes;
use export_media::ffmpeg::{FileFormat, to_transport_stream};
use export_media::mux::{Chapter, EditEntry, FragmentWriter, Mp4Tables, MuxSample, TrackSpec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Bytes of a transport stream's packet (ITU-T H.222.0, 2.4.3.2).
const PACKET: u64 = 188;

/// Samples of one track, in decode order.
pub(crate) type MuxBatch = Vec<(MuxSample, Bytes)>;

/// The file under way.
pub(crate) enum ContainerWriter<W> {
    /// One `mdat`, its head kept back.
    Mp4 { tables: Mp4Tables, sink: Box<W> },
    /// Fragments into ffmpeg, a transport stream out of it.
    Ts {
        fragments: FragmentWriter,
        input: Stdin,
        /// Bytes of the samples that went in.
        fed: u64,
        /// None once its end has been looked into.
        running: Option<Running>,
        /// Its end gives the file, and the bytes that went to it.
        sink: Task<Result<(W, u64), Error>>,
    },
}

impl<W: ClipWriter> ContainerWriter<W> {
    /// Starts a file with `tracks`.
    pub(crate) async fn begin(
        container: FileFormat,
        tracks: Vec<TrackSpec>,
        movie_timescale: u32,
        ffmpeg: &Ffmpeg,
        sink: W,
    ) -> Result<Self, Error> {
        if container == FileFormat::Mp4 {
            let tables = Mp4Tables::new(tracks, movie_timescale)?;
            return Ok(ContainerWriter::Mp4 { tables, sink: Box::new(sink) });
        }
        let fragments = FragmentWriter::new(tracks, movie_timescale)?;
        let (running, mut input, mut output) = ffmpeg.start(&to_transport_stream())?;
        let sink = Task::spawn(async move {
            let (mut sink, mut bytes) = (sink, 0);
            let mut buffer = vec![0; 64 << 10];
            loop {
                match output.read(&mut buffer).await? {
                    0 => return Ok((sink, bytes)),
                    read => {
                        bytes += u64::try_from(read).unwrap_or_default();
                        sink.append(&buffer[..read]).await?;
                    }
                }
            }
        });
        input.write_all(&fragments.init()?).await?;
        Ok(ContainerWriter::Ts { fragments, input, fed: 0, running: Some(running), sink })
    }

    /// Replaces the sample entries of an MP4's first track; what samples name stays where it is.
    pub(crate) fn describe(&mut self, sample_entries: Vec<Bytes>) -> Result<(), Error> {
        match self {
            ContainerWriter::Mp4 { tables, .. } => Ok(tables.describe(0, sample_entries)?),
            ContainerWriter::Ts { .. } => Ok(()),
        }
    }

    /// Adds the next stretch of every track.
    pub(crate) async fn add(&mut self, batches: &[MuxBatch]) -> Result<(), Error> {
        match self {
            ContainerWriter::Mp4 { tables, sink } => {
                for (track, batch) in batches.iter().enumerate() {
                    for (sample, data) in batch {
                        tables.push(track, *sample)?;
                        sink.append(data).await?;
                    }
                }
            }
            ContainerWriter::Ts { fragments, input, fed, running, sink } => {
                if sink.is_finished() {
                    // Why the upload failed, or else why there is no more to upload.
                    sink.await??;
                    muxed(running.take()).await?;
                    let why = "the transport stream's muxer ended before its input";
                    return Err(Error::Unexplained(why.to_owned()));
                }
                *fed += batches.iter().flatten().map(|(_, data)| size(data)).sum::<u64>();
                let batches: Vec<&[(MuxSample, Bytes)]> = batches.iter().map(Vec::as_slice).collect();
                if batches.iter().any(|batch| !batch.is_empty()) {
                    input.write_all(&fragments.fragment(&batches)?).await?;
                }
            }
        }
        Ok(())
    }

    /// Ends the file; `edits` and `chapters` are for MP4.
    pub(crate) async fn finish(
        self,
        edits: &[Vec<EditEntry>],
        chapters: Vec<Chapter>,
    ) -> Result<W::Written, Error> {
        match self {
            ContainerWriter::Mp4 { tables, sink } => {
                sink.finish(Some(tables.with_chapters(chapters).finish(edits)?)).await
            }
            ContainerWriter::Ts { input, fed, running, sink, .. } => {
                drop(input);
                let (sink, bytes) = sink.await??;
                let silent = muxed(running).await?;
                // Its exit status is no proof that all of it went out.
                if bytes < fed || bytes % PACKET != 0 {
                    let why = format!("the muxer gave {bytes} bytes for {fed} of samples");
                    return Err(if silent {
                        Error::Unexplained(why)
                    } else {
                        Unfit::Container.because(&why)
                    });
                }
                sink.finish(None).await
            }
        }
    }
}

/// Waits for the end of the muxer of transport streams; `false` if it complained.
async fn muxed(running: Option<Running>) -> Result<bool, Error> {
    let Some(running) = running else { return Ok(true) };
    let refused = |complaint| Unfit::Container.because(&format!("the transport stream's muxer: {complaint}"));
    running.finish_silently().await.map_err(|error| error.or(refused))
}

fn size(data: &Bytes) -> u64 {
    u64::try_from(data.len()).unwrap_or(u64::MAX)
}
