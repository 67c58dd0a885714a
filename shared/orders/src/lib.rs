//! Orders in the terms of the clip engine, and the store of recordings as what it reads: the same for a plan, for a playlist
//! and for the clip.

mod source;

pub use source::Recordings;

use export_clip::{Asked, FileFormat, ReelWindow, Selection, VideoCodec};
use export_domain::job::Order;
use export_domain::reel::OrderedWindow;
use export_domain::request::{ExportType, Wanted};
use export_domain::storage::Container;
use export_domain::tenant::Tenant;
use export_domain::time::{EpochMs, Pts};

/// The part of a recording that an order is about; of a reel the first window's start and the last one's end.
///
/// `now` is the time at which recordings are looked at, `asked_at` the time from which a manifest has 20 s to be written.
pub fn selection(order: &Order, tenant: &Tenant, now: EpochMs, asked_at: EpochMs) -> Selection {
    Selection {
        manifest: tenant.manifest_key(&order.live_path),
        window: Asked {
            start_pos_ms: order.start_pos_ms.get(),
            start_time_ms: Some(order.start_time_ms.get()),
            pts: order.pts.map(Pts::get),
            duration_ms: order.duration_ms.get(),
            wall_end_ms: order.window_end().get(),
            still: order.wanted == Wanted::Thumbnail,
        },
        codec: codec(order.export_type),
        now_ms: now.get(),
        asked_at_ms: asked_at.get(),
    }
}

/// The windows of an order, in their order: one of a clip. The times are as for [`selection`].
pub fn windows(order: &Order, tenant: &Tenant, now: EpochMs, asked_at: EpochMs) -> Vec<ReelWindow> {
    let whole = || selection(order, tenant, now, asked_at);
    if order.windows().is_empty() {
        return vec![ReelWindow { selection: whole(), name: None }];
    }
    let part = |window: &OrderedWindow| ReelWindow {
        selection: Selection {
            manifest: tenant.manifest_key(order.recording(window)),
            window: Asked {
                start_pos_ms: window.start_pos_ms.get(),
                start_time_ms: Some(window.start_time_ms.get()),
                pts: window.pts.map(Pts::get),
                duration_ms: window.duration_ms.get(),
                wall_end_ms: window.end_ms().get(),
                still: false,
            },
            ..whole()
        },
        name: window.name.as_ref().map(|name| name.as_str().to_owned()),
    };
    order.windows().iter().map(part).collect()
}

/// The engine's file format of a container.
pub fn format(container: Container) -> FileFormat {
    match container {
        Container::Ts | Container::Unknown => FileFormat::TransportStream,
        Container::Mp4 => FileFormat::Mp4,
    }
}

/// The codec that is encoded to; `None` keeps the recorded one.
fn codec(asked: ExportType) -> Option<VideoCodec> {
    match asked {
        ExportType::AsRecorded | ExportType::Unknown => None,
        ExportType::H264 => Some(VideoCodec::H264),
        ExportType::H265 => Some(VideoCodec::Hevc),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use export_testkit::{NOW, body, job, reel_job, tenant};

    #[test]
    fn a_clip_is_one_window_and_a_reel_each_of_its_windows_at_its_own_time() {
        let times = |order: &Order| -> Vec<(i64, i64, i64)> {
            let windows = windows(order, &tenant(), NOW, NOW).into_iter();
            let asked = windows.map(|window| window.selection.window);
            asked.map(|asked| (asked.start_pos_ms, asked.duration_ms, asked.wall_end_ms)).collect()
        };
        let start = 1_562_253_612_833;
        let clip = job(&tenant(), &body(), NOW).order;
        assert_eq!(times(&clip), [(start, 9000, start + 9000)]);
        let zero = start - 792_000;
        let reel = reel_job(&tenant(), &body(), &[(20_000, 1000), (0, 500)], NOW).order;
        assert_eq!(times(&reel), [(zero + 20_000, 1000, zero + 21_000), (zero, 500, zero + 500)]);
    }

    #[test]
    fn what_is_asked_for_is_encoded_and_the_rest_kept() {
        let codec = |export_type: i64| {
            let mut asked = body();
            asked["export_type"] = export_type.into();
            selection(&job(&tenant(), &asked, NOW).order, &tenant(), NOW, NOW).codec
        };
        assert_eq!([0, 1, 2].map(codec), [None, Some(VideoCodec::H264), Some(VideoCodec::Hevc)]);
    }
}
