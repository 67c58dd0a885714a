//! A clip's upload in parts: who ends it, whoever dies.

use super::worker::{Work, looks_for};
use crate::world::{At, Breach, Then, World};
use export_domain::job::ObjectKind;

impl Work<'_> {
    /// Aborts what others have begun to upload.
    pub(super) fn sweeps_up(&self, world: &mut World) {
        let rules = &self.scope().rules;
        let job = world.item.as_ref().map(|item| item.job(self.scope()));
        let named: Vec<u64> = if !rules.sweeps_up {
            Vec::new()
        } else if rules.spares_later {
            let ids = job.iter().flat_map(|job| job.abandoned(self.fence()));
            ids.filter_map(|id| id.parse().ok()).collect()
        } else {
            world.open.iter().copied().filter(|fence| *fence != self.fence()).collect()
        };
        for fence in named {
            if world.open.contains(&fence) && world.holds(fence) {
                world.blame(Breach::Aborted);
            }
            world.close(fence);
        }
        let first = world.item.as_ref().filter(|_| rules.sweeps_up_first).map(looks_for);
        self.goes(world, first.unwrap_or(At::Open));
    }

    /// Writes down what it has begun to upload.
    pub(super) fn notes(&self, world: &mut World) {
        let (times, id) = (&self.scope().times, self.fence().to_string());
        if self.writes(world, |job, now| job.with_upload(self.fence(), &id, now, times)) {
            self.goes(world, At::Stage(ObjectKind::Video, Then::Clip));
        } else {
            self.loses(world);
        }
    }

    pub(super) fn in_parts(&self, kind: ObjectKind) -> bool {
        self.scope().parts && kind == ObjectKind::Video
    }
}
