//! `POST /export/plan`: how a clip would be made.

use crate::App;
use crate::handler::{Miss, check_parameters};
use export_clip::{Clip, Foreseen};
use export_domain::job::Order;
use export_domain::ports::{Clock, PlayLinks, RecordingLists, Sessions, SourceStore, Tenants};
use export_domain::recordings::{ClipPlan, ClipPlanKind, RecordingClock};
use export_domain::request::{FieldError, Wanted};
use export_domain::tenant::Tenant;
use export_domain::time::{EpochMs, Millis};
use export_lambda::http::{Reply, Request};
use export_media::time::Nanos;
use export_orders::{Recordings, format, selection};
use std::sync::Arc;
use std::time::Duration;

/// The time that a worker has to make a clip.
const WORKERS: Duration = Duration::from_secs(885);
/// Kept back from the request's time for the reply.
const MARGIN: Duration = Duration::from_secs(2);

impl<O, S, T, C> App<O, S, T, C>
where
    O: SourceStore + RecordingLists + PlayLinks + 'static,
    S: Sessions,
    T: Tenants,
    C: Clock,
{
    /// Answers with the plan of the clip that the body asks for. Creates nothing.
    pub(crate) async fn planned(&self, request: &Request) -> Result<Reply, Miss> {
        check_parameters(request, &[])?;
        let accepted = self.intake.accept(request.bounded_body(), request.session()).await?;
        if !self.access {
            return Err(Miss::Off);
        }
        let (tenant, order) = (accepted.tenant, accepted.order);
        if order.wanted != Wanted::Media {
            return Err(FieldError::new("FetchMedia", "must be true: only clips have a plan").into());
        }
        let now = self.intake.clock.now();
        let source = Recordings::new(Arc::clone(&self.objects), &tenant);
        let clip = Clip { fan_out: self.fan_out, ..clip(&order, &tenant, now) };
        let planning = Box::pin(clip.foresee(Arc::new(source), self.machine));
        let left = request.left.saturating_sub(MARGIN);
        let foreseen = tokio::time::timeout(left, planning)
            .await
            .map_err(|_| Miss::Passing("planning a clip took too long".to_owned()))??;
        let plan = plan(&order, &foreseen);
        tracing::info!(tenant = %tenant.id, plan.kind = ?plan.kind, "planned a clip");
        Ok(Reply::new(200).with_json("application/json", &plan))
    }
}

/// The clip of an order, as a worker would make it now.
fn clip(order: &Order, tenant: &Tenant, now: EpochMs) -> Clip {
    Clip {
        selection: selection(order, tenant, now, now),
        container: format(order.target.container),
        left: WORKERS,
        last_try: false,
        gauge: Arc::default(),
        fan_out: None,
    }
}

fn plan(order: &Order, foreseen: &Foreseen) -> ClipPlan {
    // The window starts at StartPos, or at StartTime without a clock: key pictures count as that does.
    let at = |shown: &Nanos| match foreseen.availability_start {
        Some(epoch) => (epoch + *shown).to_millis_floor(),
        None => (*shown - foreseen.first_period).to_millis_floor(),
    };
    let made = &foreseen.plan;
    ClipPlan {
        kind: match made.kind {
            "copy" => ClipPlanKind::Copy,
            "smart" => ClipPlanKind::Smart,
            _ => ClipPlanKind::Reencode,
        },
        reason: made.reason.clone(),
        exact: foreseen.exact,
        clock: match foreseen.availability_start {
            Some(_) => RecordingClock::Wall,
            None => RecordingClock::Recording,
        },
        frames_copied: made.frames_copied,
        frames_encoded: made.frames_encoded,
        frames_encoded_head: foreseen.frames_head,
        frames_encoded_tail: foreseen.frames_tail,
        key_frames_ms: foreseen.key_pictures.iter().map(at).collect(),
        lack_ms: Millis::new(foreseen.lack_ms).clamp(Millis::ZERO, order.duration_ms),
        bytes_read: foreseen.bytes_read,
        bytes_written: foreseen.bytes_written,
        estimate_ms: foreseen.takes.into(),
        chunks: foreseen.chunks,
    }
}
