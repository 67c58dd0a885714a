//! Publishes the clip as a playlist, while its file is still written. A playlist is a convenience: whatever goes wrong with it
//! leaves the clip as it is.

use crate::World;
use crate::attempt::Attempt;
use crate::error::AttemptError;
use crate::recording::JobRecording;
use bytes::Bytes;
use export_clip::{MadePlaylist, NoPlaylist, Playlist};
use export_domain::job::{Detail, INDEX, Play, PlayKey};
use export_domain::ports::{Checked, ClipStore, Ids, Origin, Precondition, Published, SourceStore};
use futures_util::future::try_join_all;
use std::time::Duration;

/// The most that it may take: the file does not wait for longer.
const PATIENCE: Duration = Duration::from_secs(10);

impl<W: World> Attempt<'_, W> {
    /// Stores what was made, and then notes in the job that it is there; or notes why there is none.
    pub(crate) async fn publish_playlist(
        &self,
        recording: &JobRecording<W::Objects>,
        made: Result<MadePlaylist, NoPlaylist>,
    ) {
        let published = tokio::time::timeout(PATIENCE, async {
            let made = match made {
                Ok(made) => bound(made, recording).await,
                Err(why) => Err(why),
            };
            match made {
                Ok(made) => self.store_playlist(made).await,
                Err(why) => self.note_no_playlist(&why).await,
            }
        });
        match published.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "failed to publish a playlist"),
            Err(_) => tracing::warn!("publishing a playlist timed out"),
        }
    }

    /// Notes that whole segments of the recording can be played, at the address that the exact playlist will have.
    pub(crate) async fn announce_whole_segments(&self) {
        if self.lease.job().await.playlist().is_some() {
            return;
        }
        let early = Some(PlayKey::new(self.app.clock.unique()));
        let play = Play { early, ..self.no_play() };
        let noted =
            self.lease.write(|job, fence, now, _| job.with_early_play(fence, play.clone(), now)).await;
        if let Err(error) = noted {
            tracing::warn!(%error, "failed to announce the segments of a window");
        }
    }

    async fn store_playlist(&self, made: MadePlaylist) -> Result<(), AttemptError> {
        let MadePlaylist { playlist, mut files } = made;
        let index = serde_json::to_vec(&playlist)
            .map_err(|error| AttemptError::passing(format!("a playlist cannot be written: {error}")))?;
        files.push((INDEX.to_owned(), index.into()));
        let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        let fence = self.lease.fence();
        let names: Vec<String> = files.iter().map(|(name, _)| Play::object(fence, name)).collect();
        let staged = Play { files: names, ..self.no_play() };
        // On record before they are there, so that they can be removed whatever happens.
        self.note(staged.clone()).await?;
        try_join_all(files.into_iter().map(|(name, bytes)| self.store_listed(name, bytes))).await?;
        self.note(Play { key: Some(PlayKey::new(self.app.clock.unique())), ..staged }).await?;
        tracing::info!(bytes, segments = playlist.video.segments.len(), "published a playlist");
        Ok(())
    }

    async fn store_listed(&self, name: String, bytes: Bytes) -> Result<(), AttemptError> {
        let order = &self.job.order;
        let key = order.play_key(self.lease.fence(), &name);
        let origin = Origin {
            job_id: self.job.job_id.clone(),
            generation: self.job.generation,
            fence: self.lease.fence(),
        };
        let kind = content_type(&name);
        let put = self.app.objects.put(
            &order.target,
            &key,
            kind,
            &origin,
            &Precondition::Absent,
            Checked::from(bytes),
        );
        match put.await? {
            Published::Done => Ok(()),
            // Another way to make the clip was tried before in this attempt.
            Published::Refused => Err(AttemptError::passing("an object of a playlist is there already")),
        }
    }

    async fn note_no_playlist(&self, why: &NoPlaylist) -> Result<(), AttemptError> {
        tracing::info!(code = why.code(), detail = %why, "the clip has no playlist");
        // What a service said is for the log.
        let detail = match why {
            NoPlaylist::Unread(_) => "the recording cannot be read".into(),
            why => why.to_string().into(),
        };
        self.note(Play { refused: why.code().to_owned(), detail, ..self.no_play() }).await
    }

    fn no_play(&self) -> Play {
        Play {
            generation: self.job.generation,
            fence: self.lease.fence(),
            key: None,
            early: None,
            files: Vec::new(),
            refused: String::new(),
            detail: Detail::default(),
        }
    }

    async fn note(&self, play: Play) -> Result<(), AttemptError> {
        self.lease.write(|job, fence, now, _| job.with_play(fence, play.clone(), now)).await
    }
}

/// The same, bound to the content that the recording's files had when they were read.
async fn bound<O: SourceStore + 'static>(
    made: MadePlaylist,
    recording: &JobRecording<O>,
) -> Result<MadePlaylist, NoPlaylist> {
    let contents = recording.contents(&made.playlist.recorded()).await?;
    Ok(MadePlaylist { playlist: Playlist { contents, ..made.playlist }, ..made })
}

/// The media type of an object by its name.
fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("m4s" | "mp4") if name.starts_with("audio") => "audio/mp4",
        Some("m4s" | "mp4") => "video/mp4",
        _ => "application/json",
    }
}
