//! Values that several test modules start from.

use super::{Job, Manifest, Order, Phase, Report};
use crate::ids::{JobId, LivePath, TenantId};
use crate::request::{ExportType, Wanted};
use crate::settings::Lifecycle;
use crate::storage::Container;
use crate::target::Target;
use crate::time::{EpochMs, Millis};

pub(crate) const fn at(ms: i64) -> EpochMs {
    EpochMs::new(ms)
}

pub(crate) const fn ms(ms: i64) -> Millis {
    Millis::new(ms)
}

pub(crate) fn manifest(lack_ms: i64) -> Manifest {
    let (sha256, warnings) = (String::new(), Vec::new());
    Manifest {
        bytes: 1,
        sha256,
        parts: 0,
        duration_ms: ms(9000 - lack_ms),
        lack_ms: ms(lack_ms),
        warnings,
        holes: Vec::new(),
        windows: Vec::new(),
    }
}

/// So much is made, in a way that is not chosen yet.
pub(crate) fn report(phase: Phase, made_ms: i64) -> Report {
    Report { phase, made_ms: ms(made_ms), plan: None }
}

/// A job of 9 s, queued at 1,000,000 ms, whose fences start at 0.
pub(crate) fn job() -> Job {
    let order = Order {
        wanted: Wanted::Media,
        start_pos_ms: at(900_000),
        start_time_ms: ms(0),
        duration_ms: ms(9000),
        live_path: LivePath::parse("mp4/a/stream.mpd").unwrap(),
        pts: None,
        export_type: ExportType::AsRecorded,
        target: Target {
            bucket: "clips".to_owned(),
            region: String::new(),
            root: String::new(),
            owner: String::new(),
            container: Container::Ts,
        },
        image_path: "/D/i.jpg".to_owned(),
        video_path: "/export/D/test.ts".to_owned(),
        story: None,
        reel: None,
    };
    let id = JobId::parse(&"a".repeat(32)).unwrap();
    Job {
        fence: 0,
        ..Job::new(TenantId::parse("demo").unwrap(), id, order, at(1_000_000), &Lifecycle::default())
    }
}
