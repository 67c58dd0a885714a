use super::*;
use crate::ids::SessionId;
use crate::intake::authenticate;
use crate::settings::AuthMode;
use crate::time::EpochSecs;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

const NOW: EpochMs = EpochMs::new(1_562_300_000_000);
const KNOWN: &str = "2A39603DDB0F47CFB32E96C8366084AE";

#[derive(Clone)]
struct Now(Arc<AtomicI64>);

impl Clock for Now {
    fn now(&self) -> EpochMs {
        EpochMs::new(self.0.load(Ordering::Relaxed))
    }

    async fn sleep(&self, _length: Millis) {}
}

/// A sessions table that holds [`KNOWN`], and counts its reads.
struct Table {
    expires_at: EpochSecs,
    reads: Arc<AtomicUsize>,
}

impl Sessions for Table {
    async fn session(&self, key: &str) -> Result<Option<Session>, Unavailable> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let known = SessionId::parse(KNOWN).is_some_and(|id| id.key() == key);
        let tenant = TenantId::parse("demo").unwrap();
        Ok(known.then_some(Session { tenant, expires_at: self.expires_at }))
    }
}

struct World {
    now: Now,
    reads: Arc<AtomicUsize>,
    cached: Cached<Table, Now, Session>,
}

impl World {
    fn new(expires_at: EpochSecs) -> Self {
        let (now, reads) = (Now(Arc::new(AtomicI64::new(NOW.get()))), Arc::<AtomicUsize>::default());
        let table = Table { expires_at, reads: Arc::clone(&reads) };
        let cached = Cached::new(table, now.clone());
        Self { now, reads, cached }
    }

    fn ask(&self, session: &str) -> Option<TenantId> {
        let id = SessionId::parse(session);
        let mut asked = pin!(authenticate(&AuthMode::Session, id.as_ref(), &self.cached, &self.now));
        match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => answer.unwrap(),
            Poll::Pending => panic!("nothing waits here"),
        }
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    fn advance(&self, ms: i64) {
        self.now.0.fetch_add(ms, Ordering::Relaxed);
    }
}

/// Ids as a guesser makes them, of every length that may be asked for and of some that may not.
fn guesses(most: u64) -> impl Iterator<Item = String> {
    let mut state = 1_u64;
    (0..most).map(move |n| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let text = format!("{:016x}{state:016x}", state.rotate_left(31));
        text[..usize::try_from(n % 25).unwrap() + 8].to_owned()
    })
}

#[test]
fn a_hundred_thousand_guesses_open_nothing_fill_no_memory_and_push_nobody_out() {
    let world = World::new(EpochSecs::MAX);
    assert!(world.ask(KNOWN).is_some());
    for guess in guesses(100_000) {
        assert_eq!(world.ask(&guess), None, "{guess}");
    }
    let memory = world.cached.memory.lock().unwrap();
    let kept = memory.absent.young.len() + memory.absent.old.len();
    assert!((CAPACITY / 2..=CAPACITY).contains(&kept), "{kept}");
    assert_eq!(memory.found.young.len() + memory.found.old.len(), 1);
    drop(memory);
    let reads = world.reads();
    assert!(world.ask(KNOWN).is_some());
    assert_eq!(world.reads(), reads, "the session is still remembered");
}

#[test]
fn what_is_asked_for_again_outlives_what_is_not() {
    let mut recent = Recent::default();
    for n in 0..CAPACITY * 4 {
        recent.put(&n.to_string(), EpochMs::new(1), n);
        assert_eq!(recent.get("0", EpochMs::ZERO), Some(0), "after {n}");
        assert!(recent.young.len() + recent.old.len() <= CAPACITY);
    }
    assert_eq!(recent.get("1", EpochMs::ZERO), None);
}

#[test]
fn a_found_session_is_good_for_a_minute_and_a_missing_one_for_half() {
    let world = World::new(EpochSecs::MAX);
    let missing = KNOWN.to_ascii_lowercase();
    for (ms, reads) in [(0, 2), (29_999, 2), (1, 3), (29_999, 3), (1, 5)] {
        world.advance(ms);
        assert!(world.ask(KNOWN).is_some() && world.ask(&missing).is_none());
        assert_eq!(world.reads(), reads, "{ms} ms later");
    }
}

#[test]
fn a_remembered_session_ends_when_its_row_says() {
    let world = World::new((NOW + Millis::from_secs(10)).to_secs());
    world.advance(9_999);
    assert!(world.ask(KNOWN).is_some());
    world.advance(1);
    assert_eq!((world.ask(KNOWN), world.reads()), (None, 1));
}
