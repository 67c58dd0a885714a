//! The clip as a playlist: `GET /export/jobs/{jobId}/play/{file}`, as HLS or DASH, with links to every segment.
//!
//! The same files show whole segments around the clip until its ends are made. Players that began with those go on with
//! files of other names, which never show anything else.
//!
//! Players cannot send a session, so the key of the playlist opens it as well. Every segment of a recording is below its
//! manifest's folder, and every other file is one that the job has on record.

use crate::App;
use crate::handler::{NoLinks, check_parameters, none, private};
use export_domain::ids::JobId;
use export_domain::intake::Rejection;
use export_domain::job::{INDEX, Job, Play, PlayKey};
use export_domain::ports::{ClipLinks, ClipRead, Clock, JobStore, PlayLinks, Sessions, SourceStore, Tenants};
use export_domain::request::Wanted;
use export_domain::tenant::Tenant;
use export_domain::time::Millis;
use export_lambda::http::negotiate::takes_gzip;
use export_lambda::http::{Reply, Request, fits, gzip_rows};
use export_lambda::metrics::Metric;
use export_media::mpd::is_inside;
use export_media::playlist::dash::GrowingManifest;
use export_media::playlist::hls::HlsTrack;
use export_media::playlist::{Ends, MediaPlace, Playlist, PlaylistTrack, dash, hls};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

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

/// The clip itself, or whole segments around it.
pub(crate) struct ShownPlaylist {
    pub(crate) playlist: Playlist,
    pub(crate) ends: Ends,
}

/// A file of the route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PlayFile {
    /// Of whole segments, even if the clip itself can be played: a player that began with them goes on with them.
    whole: bool,
    kind: PlayKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlayKind {
    Dash,
    Multivariant,
    Media(HlsTrack),
}

impl PlayFile {
    fn parse(name: &str) -> Option<Self> {
        let (whole, media) = match name {
            "stream.mpd" => return Some(Self { whole: false, kind: PlayKind::Dash }),
            "stream.m3u8" => return Some(Self { whole: false, kind: PlayKind::Multivariant }),
            "segments.mpd" => return Some(Self { whole: true, kind: PlayKind::Dash }),
            name => name.strip_prefix("segments-").map_or((false, name), |name| (true, name)),
        };
        let media = media.strip_suffix(".m3u8")?;
        let track = match media.strip_prefix("audio-") {
            None => (media == "video").then_some(HlsTrack::Video)?,
            Some(n) => HlsTrack::Audio(n.parse().ok().filter(|parsed: &usize| parsed.to_string() == n)?),
        };
        Some(Self { whole, kind: PlayKind::Media(track) })
    }

    fn content_type(self) -> &'static str {
        match self.kind {
            PlayKind::Dash => "application/dash+xml",
            PlayKind::Multivariant | PlayKind::Media(_) => "application/vnd.apple.mpegurl",
        }
    }
}

impl<J, L, S, T, C> App<J, L, S, T, C>
where
    J: JobStore,
    L: ClipLinks + ClipRead + PlayLinks + SourceStore + 'static,
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
        let shown = if file.whole {
            self.whole(&tenant, &job).await?
        } else if play.key.is_some() {
            ShownPlaylist { playlist: self.index(&job, play).await?, ends: Ends::Exact }
        } else if matches!(file.kind, PlayKind::Media(_)) {
            // Its segments are about to be made; those that there are have a name of their own.
            return Err(if job.state.is_terminal() {
                none("none was made of it")
            } else {
                self.unready(&job)
            });
        } else {
            self.whole(&tenant, &job).await?
        };
        let text = match file.kind {
            PlayKind::Dash => {
                let places = shown.playlist.tracks().flat_map(PlaylistTrack::places);
                let urls = self.links(&tenant, &job, play, places, &shown).await?;
                let growing = self.growing(&job, play, shown.ends);
                dash::manifest(&shown.playlist, growing.as_ref(), &mut |place| urls.of(place))
            }
            PlayKind::Multivariant => multivariant(&job, play, &shown),
            PlayKind::Media(track) => {
                let track = match track {
                    HlsTrack::Video => Some(&shown.playlist.video),
                    HlsTrack::Audio(n) => shown.playlist.audio.get(n),
                };
                let track = track.ok_or(Rejection::NoSuchJob)?;
                let urls = self.links(&tenant, &job, play, track.places(), &shown).await?;
                hls::media(track, shown.ends, &mut |place| urls.of(place))
            }
        };
        packed(request, file, text)
    }

    /// The times of a manifest that grows.
    fn growing(&self, job: &Job, play: &Play, ends: Ends) -> Option<GrowingManifest> {
        let Ends::Whole { lead, grows: true } = ends else { return None };
        let begins = job.order.start_pos_ms - Millis::new(lead.to_millis_floor());
        Some(GrowingManifest {
            // What is listed has been recorded, whatever clock StartPos counts on.
            starts: begins.min(job.created_at).to_rfc3339(),
            now: self.intake.clock.now().to_rfc3339(),
            location: format!("segments.mpd?key={}", key_of(job, play)),
        })
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
        if job.order.wanted == Wanted::Thumbnail {
            return Err(none("only a picture was asked for"));
        }
        if job.order.reel.is_some() {
            return Err(none("a reel of several windows has none"));
        }
        match job.playlist() {
            Some(play) if !play.refused.is_empty() => Err(none(play.detail.as_str())),
            Some(play) => Ok(play),
            _ if job.state.is_terminal() => Err(none("none was made of it")),
            _ => Err(self.unready(job)),
        }
    }

    fn check_source(&self, tenant: &Tenant) -> Result<(), NoLinks> {
        tenant.may_lend_recordings(&self.source_bucket).then_some(()).ok_or(NoLinks::OwnerUnknown)
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
        recorded: &BTreeMap<&str, String>,
        shown: &ShownPlaylist,
    ) -> Result<(), NoLinks> {
        // Whole segments are played as they are now.
        if shown.ends != Ends::Exact {
            return Ok(());
        }
        let found = self.links.etags(&tenant.source(), &recorded.values().cloned().collect()).await?;
        let is_same = |(path, key): (&&str, &String)| {
            let made_of = shown.playlist.contents.get(*path);
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
        shown: &ShownPlaylist,
    ) -> Result<PlaceLinks<'a>, NoLinks> {
        let manifest = tenant.manifest_key(&job.order.live_path);
        let folder = manifest.rfind('/').map_or("", |at| &manifest[..=at]);
        let (mut made, mut recorded) = (BTreeMap::new(), BTreeMap::new());
        for place in places {
            match place {
                MediaPlace::Made(name) => {
                    made.entry(name.as_str()).or_insert_with(|| job.order.play_key(play.fence, name));
                }
                MediaPlace::Recorded(path, _) => {
                    recorded.entry(path.as_str()).or_insert_with(|| format!("{folder}{path}"));
                }
            }
        }
        let mut length = Millis::new(shown.playlist.length_ms());
        if shown.ends != Ends::Exact {
            length = length.max(job.order.duration_ms);
        }
        let life = (length * 2 + SPARE).min(LONGEST);
        let lend = async {
            let keys = |of: &BTreeMap<&str, String>| of.values().cloned().collect::<Vec<_>>();
            let made = self.links.lend_made(&job.order.target, &keys(&made), life).await?;
            let recorded = self.links.lend_recorded(&tenant.source(), &keys(&recorded), life).await?;
            Ok::<_, NoLinks>((made, recorded))
        };
        // Links are signed while the lists of contents are on their way.
        let check = self.check_contents(tenant, &recorded, shown);
        let ((), (made_urls, recorded_urls)) = tokio::try_join!(check, lend)?;
        let links = PlaceLinks {
            made: made.keys().copied().zip(made_urls).collect(),
            recorded: recorded.keys().copied().zip(recorded_urls).collect(),
        };
        let count = links.made.len() + links.recorded.len();
        tracing::info!(tenant = %job.tenant, links = count, "signed links to a playlist's segments");
        let count = u64::try_from(count).unwrap_or_default();
        self.metrics.emit(self.intake.clock.now(), &[], &[(Metric::LinksSigned, count)]);
        Ok(links)
    }
}

/// Links to what a playlist names.
struct PlaceLinks<'a> {
    /// By names.
    made: HashMap<&'a str, String>,
    /// By paths below the manifest's folder.
    recorded: HashMap<&'a str, String>,
}

impl PlaceLinks<'_> {
    fn of(&self, place: &MediaPlace) -> Cow<'_, str> {
        let url = match place {
            MediaPlace::Made(name) => self.made.get(name.as_str()),
            MediaPlace::Recorded(path, _) => self.recorded.get(path.as_str()),
        };
        url.map(String::as_str).unwrap_or_default().into()
    }
}

/// The `key` that is sent to open the job's playlist.
fn key_of(job: &Job, play: &Play) -> String {
    play.opens().map(|key| key.text(&job.tenant)).unwrap_or_default()
}

fn multivariant(job: &Job, play: &Play, shown: &ShownPlaylist) -> String {
    let key = key_of(job, play);
    // Playlists of whole segments keep their names when the clip itself can be played.
    let of = if shown.ends == Ends::Exact { "" } else { "segments-" };
    hls::multivariant(&shown.playlist, shown.ends, |track| match track {
        HlsTrack::Video => format!("{of}video.m3u8?key={key}"),
        HlsTrack::Audio(n) => format!("{of}audio-{n}.m3u8?key={key}"),
    })
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
        && let Some(packed) = gzip_rows(&text)
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
        let file = |whole, kind| Some(PlayFile { whole, kind });
        let media = |whole, track| file(whole, PlayKind::Media(track));
        for (name, file) in [
            ("stream.mpd", file(false, PlayKind::Dash)),
            ("stream.m3u8", file(false, PlayKind::Multivariant)),
            ("video.m3u8", media(false, HlsTrack::Video)),
            ("audio-0.m3u8", media(false, HlsTrack::Audio(0))),
            ("audio-12.m3u8", media(false, HlsTrack::Audio(12))),
            ("segments.mpd", file(true, PlayKind::Dash)),
            ("segments-video.m3u8", media(true, HlsTrack::Video)),
            ("segments-audio-3.m3u8", media(true, HlsTrack::Audio(3))),
            ("segments.m3u8", None),
            ("segments-segments-video.m3u8", None),
            ("segments-stream.mpd", None),
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
