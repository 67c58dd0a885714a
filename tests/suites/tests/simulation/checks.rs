//! What must hold, whatever happens: judged at every write, at every answer, and in the end.

use crate::orders::Order;
use crate::sim::{Process, Sim};
use crate::world::World;
use export_domain::completion::notification;
use export_domain::ids::{JobId, hex};
use export_domain::job::{Failure, Job, Manifest, ObjectKind, Reason, State, WarningCode};
use export_domain::message::Message;
use export_domain::ports::{Notification, Origin};
use export_domain::time::{EpochMs, Millis};
use export_testkit::Answered;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The sweeper's period, the clocks' skew, and the time that a last write may take.
const SLACK: Millis = Millis::from_mins(2 + 5 + 1);

/// How long a request may be on its way.
const LAST_WRITE: Millis = Millis::from_mins(4);

/// What an undisturbed run makes of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) image: Option<(Manifest, String)>,
    pub(crate) video: Option<(Manifest, String)>,
}

/// What was seen so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    /// Jobs that a client was told to wait for.
    accepted: BTreeSet<JobId>,
    /// Who claimed which fence of which job.
    claims: HashMap<(JobId, u64), Process>,
    /// When a generation ended, and the job since.
    ended: BTreeMap<(JobId, u32), (EpochMs, Job)>,
    generations: HashMap<JobId, u32>,
    /// Whether any process had a wrong clock.
    skewed: bool,
    busy: i32,
    /// Unfinished jobs, and the most that there were at a time.
    active: BTreeSet<JobId>,
    most_active: usize,
    /// Writes that made a job ready.
    commits: BTreeMap<JobId, u32>,
    /// Jobs of which a process was killed, or did not hear all replies.
    disturbed: BTreeSet<JobId>,
    /// Jobs that a client forgot: their files stay, and are made anew in their place.
    forgotten: BTreeSet<JobId>,
    /// Who made the files that clients were shown, by key.
    shown: BTreeMap<String, Origin>,
}

impl Seen {
    /// Keeps what a write at `now` says of a job; `ended_before` is whether it had ended before that in this generation.
    fn record(&mut self, now: EpochMs, job: &Job, ended_before: bool) {
        let id = job.job_id.clone();
        self.generations.insert(id.clone(), job.generation);
        if job.state.is_terminal() {
            self.active.remove(&id);
            let ended = self.ended.entry((id.clone(), job.generation));
            ended.or_insert_with(|| (now, job.clone())).1 = job.clone();
        } else {
            self.active.insert(id.clone());
            self.most_active = self.most_active.max(self.active.len());
        }
        if job.state == State::Ready && !ended_before {
            *self.commits.entry(id.clone()).or_default() += 1;
        }
        // What such a job showed while it was in work is removed, or made anew.
        if has_no_files(job) || job.aftermath().is_forgotten {
            self.shown.retain(|_, origin| origin.job_id != id);
        }
        if job.aftermath().is_forgotten {
            self.forgotten.insert(id);
        }
    }
}

impl Ledger {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Workers that began or ended.
    pub(crate) fn busy(&self, change: i32) {
        self.seen().busy += change;
    }

    /// A process that worked for a job has ended.
    pub(crate) fn saw_off(&self, process: &Process, job: &JobId) {
        if process.was_disturbed() {
            self.seen().disturbed.insert(job.clone());
        }
    }

    /// The most unfinished jobs at a time.
    pub(crate) fn most_active(&self) -> usize {
        self.seen().most_active
    }

    /// How often each job became ready.
    pub(crate) fn commits(&self) -> BTreeMap<JobId, u32> {
        self.seen().commits.clone()
    }

    /// A write of a job took effect.
    pub(crate) fn written(&self, sim: &Sim, before: Option<&Job>, after: &Job) {
        let (actor, now) = (sim.actor(), sim.now());
        let by = actor.as_ref().map_or_else(String::new, ToString::to_string);
        let told = |job: &Job| {
            format!("{:?} generation {} fence {} rev {}", job.state, job.generation, job.fence, job.rev)
        };
        let id = after.job_id.clone();
        sim.note(after.rev ^ after.fence << 32, || {
            format!("{by} writes {} {}", &id.as_str()[..4], told(after))
        });
        let ended_before =
            before.is_some_and(|job| job.state.is_terminal() && job.generation == after.generation);
        let mut seen = self.seen();
        seen.skewed |= actor.as_ref().is_some_and(Process::is_skewed);
        seen.record(now, after, ended_before);
        if warns_of_damage(after) {
            sim.trouble(format!("{by} found damage in whole pictures: {}", told(after)));
        }
        let Some(before) = before else { return };
        let trouble =
            |what: &str| sim.trouble(format!("{what}: {by} wrote {} over {}", told(after), told(before)));
        if ended_before && ending(before) != ending(after) {
            trouble("a job changed after its end");
        }
        if after.generation < before.generation || after.fence < before.fence {
            trouble("a job went back");
        }
        let same = before.generation == after.generation;
        let late = before.deadline_at.is_some_and(|at| now > at + LAST_WRITE);
        let worked = matches!(after.state, State::Running | State::Ready) && !ended_before;
        if same && late && worked && !seen.skewed {
            trouble("work went on after the deadline");
        }
        if same && after.percent() < before.percent() {
            trouble("progress went back");
        }
        if same && before.image.is_some() && before.image != after.image {
            trouble("a picture's manifest changed");
        }
        let Some(actor) = actor else { return };
        if after.fence > before.fence {
            if seen.claims.insert((id.clone(), after.fence), actor).is_some() {
                trouble("two claims have the same fence");
            }
            return;
        }
        let own = seen.claims.iter().filter(|((job, _), who)| *job == id && who.id == actor.id);
        // A claim that finds no attempts left needs no claim to say so.
        let exhausted = after.failure.as_ref().is_some_and(|failure| failure.reason == Reason::TimedOut);
        let older = own.map(|((_, fence), _)| *fence).max().is_some_and(|fence| fence < before.fence);
        if older && !exhausted {
            trouble("a worker wrote after a newer claim");
        }
    }

    pub(crate) fn generation(&self, id: &str) -> u32 {
        JobId::parse(id).ok().and_then(|id| self.seen().generations.get(&id).copied()).unwrap_or(0)
    }
}

/// What one client was told last that should stay so.
#[derive(Debug, Default)]
pub(crate) struct Told {
    success: Option<Answered>,
    /// The generation that had failed, at least.
    failure: Option<u32>,
}

impl Told {
    /// Judges an answer to a request that was sent when the job's generation was `asked_in`.
    pub(crate) fn judge(&mut self, world: &World, who: &str, answer: &Answered, asked_in: u32) {
        let (sim, json) = (&world.sim, &answer.json);
        let id = json["JobId"].as_str().unwrap_or_default().to_owned();
        let (code, wait) = answer.codes();
        let of = |told: &Answered| JobId::parse(told.json["JobId"].as_str().unwrap_or_default()).ok();
        let known = self.success.as_ref().and_then(of);
        if known.is_some_and(|id| world.ledger.seen().forgotten.contains(&id)) {
            *self = Self::default();
        }
        if answer.status != 200 {
            if answer.status == 404 && self.success.is_some() {
                sim.trouble(format!("{who}: a finished job is unknown"));
            }
            return;
        }
        if let Some(told) = &self.success {
            if told.json != answer.json {
                sim.trouble(format!("{who}: was told {} and then {}", told.text, answer.text));
            }
            return;
        }
        let now_in = world.ledger.generation(&id);
        if let Some(failed) = self.failure
            && code != -1
            && now_in <= failed
        {
            sim.trouble(format!("{who}: was told that the job had failed and then {}", answer.text));
        }
        match code {
            1 => world.ledger.seen().accepted.extend(JobId::parse(&id)),
            0 | 5 => self.success = Some(answer.clone()),
            _ if wait == 0 => self.failure = Some(asked_in),
            _ => {}
        }
        world.shown(who, &id, answer);
    }
}

impl World {
    fn job(&self, id: &str) -> Option<Job> {
        self.jobs.all().into_iter().find(|job| job.job_id.as_str() == id)
    }

    /// A path in a reply is a readable object, what its manifest says, and the same one at every reply.
    fn shown(&self, who: &str, id: &str, answer: &Answered) {
        let Some(job) = self.job(id) else { return };
        for (path, object) in [("ImagePath", ObjectKind::Image), ("VideoPath", ObjectKind::Video)] {
            if !answer.json[path].is_string() {
                continue;
            }
            if !self.is_there(&job, object) {
                self.sim.trouble(format!("{who}: {path} of {} is not there as it should be", answer.text));
            }
            let key = job.order.key(object);
            if let Some(origin) = self.objects.object("clips", &key).and_then(|found| found.origin) {
                self.ledger.seen().shown.entry(key).or_insert(origin);
            }
        }
    }

    /// Whether the file is there and what the job's manifest says.
    fn is_there(&self, job: &Job, object: ObjectKind) -> bool {
        let manifest = if object == ObjectKind::Image { &job.image } else { &job.video };
        let Some(found) = self.objects.object("clips", &job.order.key(object)) else { return false };
        manifest.as_ref().is_none_or(|manifest| {
            let whole = manifest.parts == 0;
            u64::try_from(found.body.len()) == Ok(manifest.bytes)
                && (!whole || hex(&Sha256::digest(&found.body)) == manifest.sha256)
        })
    }

    /// What was made of a job.
    pub(crate) fn made(&self, job: &Job) -> Made {
        let file = |manifest: &Option<Manifest>, object| {
            let found = self.objects.object("clips", &job.order.key(object))?;
            Some((manifest.clone()?, found.etag))
        };
        let mut image = file(&job.image, ObjectKind::Image);
        // The picture of a clip is on record with what was warned of by then, which depends on when it was ready.
        if let (Some((manifest, _)), Some(_)) = (&mut image, &job.video) {
            manifest.warnings.clear();
        }
        Made { image, video: file(&job.video, ObjectKind::Video) }
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_quiet(&self) -> bool {
        let over = self.jobs.all().iter().all(|job| job.state.is_terminal() && job.due_at.is_none());
        over && self.queues.is_empty() && self.ledger.seen().busy == 0
    }

    /// Judges what is there in the end; `calm_at` is when faults stopped, and `orders` what was asked with what an
    /// undisturbed run makes of it.
    pub(crate) fn judge_end(
        &self,
        calm_at: EpochMs,
        orders: &BTreeMap<JobId, (Order, Made)>,
        garbage: &[String],
    ) {
        let jobs = self.jobs.all();
        for id in &self.ledger.seen().accepted {
            match self.job(id.as_str()) {
                None => self.sim.trouble(format!("{id} was accepted and is gone")),
                Some(job) if !job.state.is_terminal() => {
                    self.sim.trouble(format!("{id} was accepted and is lost in {:?}", job.state));
                }
                Some(_) => {}
            }
        }
        let told = self.bus.told();
        for job in &jobs {
            self.judge_job(job, calm_at, orders);
            if !told.contains(&notification(job)) {
                self.sim.trouble(format!("{} ended as {:?} and nobody was told", job.job_id, job.state));
            }
        }
        let ids: BTreeSet<String> = told.iter().map(event_id).collect();
        for ((id, generation), (_, job)) in &self.ledger.seen().ended {
            if ids.contains(&format!("{id}-{generation}")) == job.is_looked_for() {
                let what = if job.is_looked_for() { "may go on" } else { "ended" };
                self.sim
                    .trouble(format!("{id} {what} in generation {generation}, and an event says otherwise"));
            }
        }
        self.judge_leftovers(&jobs, garbage);
    }

    fn judge_job(&self, job: &Job, calm_at: EpochMs, orders: &BTreeMap<JobId, (Order, Made)>) {
        let id = &job.job_id;
        let ended = self.ledger.seen().ended.get(&(id.clone(), job.generation)).map(|(at, _)| *at);
        let since = job.queued_at.max(job.order.window_end());
        let deadline = job.deadline_at.unwrap_or(since + self.times.max_queue_age_ms);
        let latest = deadline.max(calm_at) + SLACK;
        if ended.is_some_and(|at| at > latest) {
            self.sim.trouble(format!("{id} ended at {ended:?}, long after its deadline {deadline}"));
        }
        for (object, manifest) in [(ObjectKind::Image, &job.image), (ObjectKind::Video, &job.video)] {
            if !has_no_files(job) && manifest.is_some() && !self.is_there(job, object) {
                self.sim.trouble(format!("{id}: {object:?} is not what its manifest says"));
            }
        }
        let (Some((order, expected)), State::Ready) = (orders.get(id), job.state) else { return };
        let made = self.made(job);
        let whole = job.video.as_ref().is_none_or(|video| video.lack_ms == Millis::ZERO);
        if whole && made != *expected && !self.varied {
            self.sim.trouble(format!("{order:?} was made as {made:?} and not as {expected:?}"));
        }
        if !whole && !order.recorded.is_live() {
            self.sim.trouble(format!("{order:?} lacks what was recorded: {made:?}"));
        }
    }

    /// Prefixes of chunks that the bucket's lifecycle rule is left with: one death is no reason for any, but of two the second may
    /// befall whoever removes what the first one left.
    fn excused_work(&self, jobs: &[Job]) -> Vec<String> {
        if self.sim.crashed() {
            return Vec::new();
        }
        let seen = self.ledger.seen();
        let disturbed = jobs.iter().filter(|job| seen.disturbed.contains(&job.job_id));
        let folder = |job: &Job| job.order.work_key(0, "").trim_end_matches("0/").to_owned();
        disturbed.map(folder).collect()
    }

    fn judge_leftovers(&self, jobs: &[Job], garbage: &[String]) {
        let keys: BTreeSet<String> = jobs
            .iter()
            .flat_map(|job| [ObjectKind::Image, ObjectKind::Video].map(|object| job.order.key(object)))
            .collect();
        let files = |job: &Job| {
            let names = job.play.iter().flat_map(|play| &play.files);
            names.map(|name| job.order.beside_clip(name)).collect::<Vec<_>>()
        };
        let keys: BTreeSet<String> = keys.into_iter().chain(jobs.iter().flat_map(files)).collect();
        let excused = self.excused_work(jobs);
        for key in self.objects.keys("clips").iter().filter(|key| !keys.contains(*key)) {
            if !excused.iter().any(|prefix| key.starts_with(prefix)) {
                self.sim.trouble(format!("{key} is nobody's"));
            }
        }
        let forgotten = self.ledger.seen().forgotten.clone();
        let anew: BTreeSet<String> = jobs
            .iter()
            .filter(|job| forgotten.contains(&job.job_id))
            .flat_map(|job| [ObjectKind::Image, ObjectKind::Video].map(|object| job.order.key(object)))
            .collect();
        for job in jobs.iter().filter(|job| has_no_files(job) && !forgotten.contains(&job.job_id)) {
            for object in [ObjectKind::Image, ObjectKind::Video] {
                if let Some(left) = self.objects.object("clips", &job.order.key(object)) {
                    let (id, state) = (&job.job_id, job.state);
                    self.sim
                        .trouble(format!("{id} ended as {state:?} and left {object:?} of {:?}", left.origin));
                }
            }
        }
        for key in self.objects.replaced().into_iter().filter(|key| !anew.contains(key)) {
            self.sim.trouble(format!("{key} was replaced by another object"));
        }
        for (key, origin) in self.ledger.seen().shown.iter().filter(|(key, _)| !anew.contains(*key)) {
            let now = self.objects.object("clips", key).and_then(|found| found.origin);
            if now.as_ref() != Some(origin) {
                self.sim.trouble(format!("{key} of {origin:?} was shown and then written by {now:?}"));
            }
        }
        for origin in self.objects.open_origins() {
            let owner = self.ledger.seen().claims.get(&(origin.job_id.clone(), origin.fence)).cloned();
            let excused = |who: &Process| who.is_gone() || who.missed("begin") || who.missed("abort");
            if !owner.as_ref().is_some_and(excused) {
                self.sim.trouble(format!("{owner:?} left an upload open"));
            }
        }
        if !self.queues.is_empty() {
            self.sim.trouble("messages are left in a queue".to_owned());
        }
        for body in self.dead_letters.kept() {
            if Message::decode(&body).is_ok() {
                self.sim.trouble(format!("{body} is kept as a dead letter"));
            }
        }
        for body in garbage {
            let dead = self.queues.dead();
            if !self.dead_letters.kept().contains(body) && !dead.contains(body) {
                self.sim.trouble(format!("{body} is gone"));
            }
        }
    }
}

/// Whether a job's files have a warning of damaged pictures.
fn warns_of_damage(job: &Job) -> bool {
    let files = [&job.image, &job.video].into_iter().flatten();
    files.flat_map(|file| &file.warnings).any(|warning| warning.code == WarningCode::PicturesDamaged)
}

/// Whether it ended without files, so that nothing of it may be left.
fn has_no_files(job: &Job) -> bool {
    matches!(job.state, State::Failed | State::Cancelled)
}

/// A job but for what says whether its ends were told, whether an absent recording is still looked for, and whether what
/// it left is gone.
fn ending(job: &Job) -> Job {
    let failure = job.failure.clone().map(|failure| Failure {
        retriable: failure.retriable && failure.reason != Reason::SourceAbsent,
        ..failure
    });
    let (write_id, untold, staged, uploads) = (String::new(), Vec::new(), Vec::new(), Vec::new());
    let (due_at, aftermath, quiet_until) = (None, None, None);
    let (fan, fan_done) = (None, BTreeSet::new());
    let told = Job { rev: 0, write_id, due_at, resends: 0, untold, failure, ..job.clone() };
    Job { staged, uploads, play: None, fan, fan_done, aftermath, quiet_until, ..told }
}

fn event_id(event: &Notification) -> String {
    let detail: serde_json::Value = serde_json::from_str(&event.detail).unwrap();
    detail["id"].as_str().unwrap().to_owned()
}
