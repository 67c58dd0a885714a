//! The clip as a playlist: `GET /export/jobs/{jobId}/play/{file}`, as HLS or DASH, with links to every segment.
//!
//! Players cannot send a session, so the key of the playlist opens it as well. Every segment of a recording is below its
//! manifest's folder, and every other file is one that the job has on record.

use crate::App;
use crate::handler::{NoLinks, check_parameters, private};
use export_domain::ids::JobId;
use export_domain::intake::Rejection;
use export_domain::job::{INDEX, Job, Play, PlayKey};
use export_domain::ports::{ClipLinks, ClipRead, Clock, JobStore, PlayLinks, Sessions, Tenants};
use export_domain::request::Wanted;
use export_domain::tenant::Tenant;
use export_domain::time::Millis;
use export_lambda::http::negotiate::takes_gzip;
use export_lambda::http::{Reply, Request, fits, gzip};
use export_lambda::metrics::Metric;
use export_media::mpd::is_inside;
use export_media::playlist::hls::HlsTrack;
use export_media::playlist::{MediaPlace, Playlist, PlaylistTrack, dash, hls};
use std::collections::{BTreeSet, HashMap};

/// Bytes of a list of segments.
const INDEX_MOST: u64 = 16 << 20;
/// Links outlive the clip's length by so much.
const SPARE: Millis = Millis::from_mins(15);
/// Longest life of a link.
const LONGEST: Millis = Millis::from_hours(6);
/// Why there is no playlist any more.
const CHANGED: &str = "the job has no playlist: the recording has changed since";
/// Bytes of a body that is worth packing.
const WORTH_PACKING: usize = 1000;

/// A file of the route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlayFile {
    Dash,
    Multivariant,
    Media(HlsTrack),
}

impl PlayFile {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "stream.mpd" => Some(Self::Dash),
            "stream.m3u8" => Some(Self::Multivariant),
            "video.m3u8" => Some(Self::Media(HlsTrack::Video)),
            name => {
                let n = name.strip_prefix("audio-")?.strip_suffix(".m3u8")?;
                n.parse()
                    .ok()
                    .filter(|n: &usize| n.to_string().len() == name.len() - 11)
                    .map(|n| Self::Media(HlsTrack::Audio(n)))
            }
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Dash => "application/dash+xml",
            Self::Multivariant | Self::Media(_) => "application/vnd.apple.mpegurl",
        }
    }
}

impl<J, L, S, T, C> App<J, L, S, T, C>
where
    J: JobStore,
    L: ClipLinks + ClipRead + PlayLinks,
    S: Sessions,
    T: Tenants,
    C: Clock,
{
    /// `GET /export/jobs/{jobId}/play/{file}`.
    pub(crate) async fn play(&self, request: &Request) -> Result<Reply, NoLinks> {
        check_parameters(request, &["key"])?;
        let (tenant, job) = self.opened(request).await?;
        let file = request.path_parameters.get("file").and_then(|name| PlayFile::parse(name));
        let file = file.ok_or(Rejection::NoSuchJob)?;
        let play = self.playlist_of(&job)?;
        self.check_target(&tenant, &job)?;
        self.check_source(&tenant)?;
        let playlist = self.index(&job, play).await?;
        let text = match file {
            PlayFile::Dash => {
                let places = playlist.tracks().flat_map(PlaylistTrack::places);
                let urls = self.links(&tenant, &job, play, places, &playlist).await?;
                dash::manifest(&playlist, &mut |place| urls.get(place).cloned().unwrap_or_default())
            }
            PlayFile::Multivariant => {
                let key = play.key.as_ref().map(|key| key.text(&job.tenant)).unwrap_or_default();
                hls::multivariant(&playlist, |track| match track {
                    HlsTrack::Video => format!("video.m3u8?key={key}"),
                    HlsTrack::Audio(n) => format!("audio-{n}.m3u8?key={key}"),
                })
            }
            PlayFile::Media(track) => {
                let track = match track {
                    HlsTrack::Video => Some(&playlist.video),
                    HlsTrack::Audio(n) => playlist.audio.get(n),
                };
                let track = track.ok_or(Rejection::NoSuchJob)?;
                let urls = self.links(&tenant, &job, play, track.places(), &playlist).await?;
                hls::media(track, &mut |place| urls.get(place).cloned().unwrap_or_default())
            }
        };
        packed(request, file, text)
    }

    /// The job that the path names, opened by the key of its playlist or by its tenant's session. Nothing tells a wrong key
    /// from an unknown job.
    async fn opened(&self, request: &Request) -> Result<(Tenant, Job), NoLinks> {
        let Some(text) = request.parameter("key") else {
            let tenant = self.intake.tenant(request.session().as_ref()).await?;
            self.check_plays()?;
            let job = self.job(&tenant.id, request).await?;
            return Ok((tenant, job));
        };
        self.check_plays()?;
        let id = request.path_parameters.get("jobId").and_then(|id| JobId::parse(id).ok());
        let (Some((tenant, key)), Some(_)) = (PlayKey::parse(&text), id) else {
            return Err(Rejection::NoSuchJob.into());
        };
        let job = self.job(&tenant, request).await?;
        if job.opened_by(&key).is_none() {
            return Err(Rejection::NoSuchJob.into());
        }
        let tenant = self.intake.tenants.tenant(&tenant).await?.ok_or(Rejection::NoSuchJob)?;
        Ok((tenant, job))
    }

    fn check_plays(&self) -> Result<(), NoLinks> {
        if self.plays { Ok(()) } else { Err(NoLinks::PlaybackOff) }
    }

    /// The record of the job's playlist, if it has one.
    fn playlist_of<'a>(&self, job: &'a Job) -> Result<&'a Play, NoLinks> {
        let none = |why: &str| NoLinks::NoPlaylist(format!("the job has no playlist: {why}"));
        if job.order.wanted == Wanted::Thumbnail {
            return Err(none("only a picture was asked for"));
        }
        match job.playlist() {
            Some(play) if play.key.is_some() => Ok(play),
            Some(play) if !play.refused.is_empty() => Err(none(play.detail.as_str())),
            _ if job.state.is_terminal() => Err(none("none was made of it")),
            _ => Err(self.unready(job)),
        }
    }

    /// A link cannot be bound to a bucket's owner: recordings of another bucket than the stack's are opened only if the
    /// tenant's row names its owner.
    fn check_source(&self, tenant: &Tenant) -> Result<(), NoLinks> {
        let is_owned = tenant.source_bucket == self.source_bucket || !tenant.source_owner.is_empty();
        is_owned.then_some(()).ok_or(NoLinks::OwnerUnknown)
    }

    async fn index(&self, job: &Job, play: &Play) -> Result<Playlist, NoLinks> {
        let key = job.order.play_key(play.fence, INDEX);
        let found = self.links.fetch(&job.order.target, &key, INDEX_MOST).await?;
        let gone = || {
            NoLinks::NoPlaylist("the job has no playlist: its files have expired or were removed".to_owned())
        };
        let playlist: Playlist = serde_json::from_slice(&found.ok_or_else(gone)?).map_err(|error| {
            tracing::warn!(%error, "the list of a playlist cannot be read");
            gone()
        })?;
        let known = |place: &MediaPlace| match place {
            MediaPlace::Made(name) => play.has(name),
            MediaPlace::Recorded(path, _) => is_inside(path),
        };
        if playlist.tracks().flat_map(PlaylistTrack::places).all(known) {
            Ok(playlist)
        } else {
            tracing::error!("a playlist names what is neither its own nor the recording's");
            Err(gone())
        }
    }

    /// Refuses a playlist that names a recorded file with other content than the clip was made of, or one that is gone.
    async fn check_contents(
        &self,
        tenant: &Tenant,
        recorded: &[(MediaPlace, String)],
        playlist: &Playlist,
    ) -> Result<(), NoLinks> {
        let keys: BTreeSet<String> = recorded.iter().map(|(_, key)| key.clone()).collect();
        let found = self.links.etags(&tenant.source(), &keys).await?;
        let is_same = |(place, key): &(MediaPlace, String)| {
            let made_of = place.recorded().and_then(|path| playlist.contents.get(path));
            made_of.is_some_and(|etag| found.get(key) == Some(etag))
        };
        if recorded.iter().all(is_same) { Ok(()) } else { Err(NoLinks::NoPlaylist(CHANGED.to_owned())) }
    }

    /// Links to what is at `places`.
    async fn links<'a>(
        &self,
        tenant: &Tenant,
        job: &Job,
        play: &Play,
        places: impl Iterator<Item = &'a MediaPlace>,
        playlist: &Playlist,
    ) -> Result<HashMap<MediaPlace, String>, NoLinks> {
        let manifest = tenant.manifest_key(&job.order.live_path);
        let folder = manifest.rfind('/').map_or("", |at| &manifest[..=at]);
        let (mut made, mut recorded) = (Vec::new(), Vec::new());
        for place in places {
            match place {
                MediaPlace::Made(name) => made.push((place.clone(), job.order.play_key(play.fence, name))),
                MediaPlace::Recorded(path, _) => recorded.push((place.clone(), format!("{folder}{path}"))),
            }
        }
        let life = (Millis::new(playlist.length_ms()) * 2 + SPARE).min(LONGEST);
        let (made, made_keys): (Vec<MediaPlace>, Vec<String>) = made.into_iter().unzip();
        self.check_contents(tenant, &recorded, playlist).await?;
        let (recorded, recorded_keys): (Vec<MediaPlace>, Vec<String>) = recorded.into_iter().unzip();
        let lent_made = self.links.lend_made(&job.order.target, &made_keys, life).await?;
        let lent_recorded = self.links.lend_recorded(&tenant.source(), &recorded_keys, life).await?;
        let urls = made.into_iter().zip(lent_made).chain(recorded.into_iter().zip(lent_recorded));
        let urls: HashMap<MediaPlace, String> = urls.collect();
        tracing::info!(tenant = %job.tenant, links = urls.len(), "signed links to a playlist's segments");
        let links = u64::try_from(urls.len()).unwrap_or_default();
        self.metrics.emit(self.intake.clock.now(), &[], &[(Metric::LinksSigned, links)]);
        Ok(urls)
    }
}

/// The reply with a playlist, packed if the client takes that. One that fits in neither way is refused.
fn packed(request: &Request, file: PlayFile, text: String) -> Result<Reply, NoLinks> {
    let reply = |body| {
        let reply = Reply::new(200).with_text(file.content_type(), body);
        private(reply.with("cache-control", "no-store").with("vary", "accept-encoding"))
    };
    let takes = takes_gzip(request.header("accept-encoding").unwrap_or_default());
    if takes
        && text.len() > WORTH_PACKING
        && let Some(packed) = gzip(&text)
    {
        return Ok(Reply { is_base64_encoded: true, ..reply(packed).with("content-encoding", "gzip") });
    }
    let too_large =
        "the playlist does not fit into a reply: a client must take gzip, or the window is too long";
    if fits(&text) { Ok(reply(text)) } else { Err(NoLinks::NoPlaylist(too_large.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_one_name_each() {
        let audio = |n| Some(PlayFile::Media(HlsTrack::Audio(n)));
        for (name, file) in [
            ("stream.mpd", Some(PlayFile::Dash)),
            ("stream.m3u8", Some(PlayFile::Multivariant)),
            ("video.m3u8", Some(PlayFile::Media(HlsTrack::Video))),
            ("audio-0.m3u8", audio(0)),
            ("audio-12.m3u8", audio(12)),
            ("audio-.m3u8", None),
            ("audio-01.m3u8", None),
            ("audio-+1.m3u8", None),
            ("index.json", None),
            ("", None),
        ] {
            assert_eq!(PlayFile::parse(name), file, "{name}");
        }
    }
}
