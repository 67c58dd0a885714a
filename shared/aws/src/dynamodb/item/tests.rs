use super::*;
use aws_sdk_dynamodb::primitives::Blob;
use export_domain::batch::{Guess, MOST_CLIPS, Skipped};
use export_domain::ids::{BatchId, FileName, JobId, LivePath, TenantId};
use export_domain::job::{
    Aftermath, Begun, DeliveredWindow, Failure, Fan, Hole, Lane, Manifest, ObjectKind, Order, Phase,
    PlanSummary, Play, PlayKey, Posted, Progress, Reason, Staged, State, UntoldEnd, Warning, WarningCode,
};
use export_domain::reel::{MOST_REEL_BYTES, OrderedReel, OrderedWindow, chapter_name, stored_bytes};
use export_domain::request::{ExportType, Story, Wanted};
use export_domain::settings::Lifecycle;
use export_domain::storage::{Container, Slug};
use export_domain::target::Target;
use export_domain::time::{EpochMs, EpochSecs, Millis};
use export_domain::trace::{CorrelationId, TraceHeader};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::BTreeSet;

pub(crate) fn minimal() -> Job {
    let order = Order {
        wanted: Wanted::Media,
        start_pos_ms: EpochMs::new(1),
        start_time_ms: Millis::new(2),
        duration_ms: Millis::new(3),
        live_path: LivePath::parse("a/b.mpd").unwrap(),
        pts: None,
        export_type: ExportType::AsRecorded,
        target: Target {
            bucket: "b".to_owned(),
            region: String::new(),
            root: String::new(),
            owner: String::new(),
            container: Container::Mp4,
        },
        image_path: "/D/i.jpg".to_owned(),
        video_path: "/export/D/v.mp4".to_owned(),
        story: None,
        reel: None,
    };
    let id = JobId::parse(&"b".repeat(32)).unwrap();
    let job = Job::new(TenantId::parse("demo").unwrap(), id, order, EpochMs::new(1), &Lifecycle::default());
    Job { due_at: None, state: State::Ready, ..job }
}

fn file() -> Manifest {
    let warnings = vec![Warning { code: WarningCode::SegmentsLeftOut, count: 2, detail: "segment 7".into() }];
    let hole = |at, length| Hole { at_ms: Millis::new(at), length_ms: Millis::new(length) };
    let (duration_ms, lack_ms, holes) = (Millis::new(1), Millis::new(2), vec![hole(1, 1), hole(3, 1)]);
    let (sha256, windows) = ("x".to_owned(), vec![made_window()]);
    Manifest { bytes: u64::MAX, sha256, parts: 2, duration_ms, lack_ms, warnings, holes, windows }
}

fn made_window() -> DeliveredWindow {
    DeliveredWindow {
        at_ms: Millis::new(1),
        length_ms: Millis::new(2),
        lack_ms: Millis::new(3),
        warnings: vec![WarningCode::RatesCorrected],
        left_out: Some(Reason::NoMedia),
    }
}

fn reel() -> OrderedReel {
    let window = OrderedWindow {
        n: 1,
        live_path: Some(LivePath::parse("a/b.mpd").unwrap()),
        start_pos_ms: EpochMs::new(1),
        start_time_ms: Millis::new(2),
        duration_ms: Millis::new(3),
        pts: None,
        name: Some(FileName::parse("goal 1").unwrap()),
    };
    OrderedReel {
        windows: vec![window.clone(), OrderedWindow { n: 3, live_path: None, name: None, ..window }],
        skipped: vec![Skipped { n: 2, why: "has no End".to_owned() }],
        guesses: vec![Guess::ZeroAssumed],
    }
}

fn failure() -> Failure {
    Failure {
        reason: Reason::ClipTooLarge { longest_ms: Millis::new(9) },
        message: "clip too large".to_owned(),
        detail: "too long".into(),
        retriable: false,
        at: EpochMs::new(7),
    }
}

fn play() -> Play {
    Play {
        generation: 1,
        fence: 1,
        key: Some(PlayKey::new("0".repeat(32))),
        early: Some(PlayKey::new("1".repeat(32))),
        files: vec!["index.json".to_owned()],
        refused: "hole".to_owned(),
        detail: "the recording has a hole".into(),
    }
}

fn fan() -> Fan {
    let (started_at, until) = (EpochMs::new(5), EpochMs::new(6));
    Fan { generation: 1, plan: 1, chunks: 3, epoch: 2, estimate_ms: Millis::new(4), started_at, until }
}

fn full() -> Job {
    let manifest = file();
    let mut job = Job {
        state: State::Running,
        started_at: Some(EpochMs::new(1)),
        lease_until: Some(EpochMs::new(2)),
        claim_id: Some("c".to_owned()),
        due_at: Some(EpochMs::new(3)),
        deadline_at: Some(EpochMs::new(4)),
        wake_at: Some(EpochMs::new(5)),
        unanswered_since: Some(EpochMs::new(5)),
        obstacle: Some(Reason::ClockWrong),
        source_missing_since: Some(EpochMs::new(6)),
        progress: Some(Progress {
            fence: 1,
            phase: Phase::Encoding,
            made_ms: Millis::new(3),
            live_edge_ms: Some(EpochMs::new(4)),
        }),
        image: Some(manifest.clone()),
        video: Some(manifest.clone()),
        staged: vec![Staged {
            object: ObjectKind::Video,
            generation: 1,
            fence: 2,
            manifest: manifest.clone(),
            at: Some(EpochMs::new(2)),
        }],
        untold: vec![UntoldEnd {
            generation: 1,
            state: State::Cancelled,
            failure: None,
            image: Some(manifest.clone()),
            video: None,
            at: EpochMs::new(7),
            correlation_id: CorrelationId::parse("e"),
            batch_id: BatchId::parse(&"c".repeat(32)).ok(),
        }],
        uploads: vec![Begun { fence: 2, id: "u".to_owned() }],
        fan: Some(fan()),
        aftermath: Some(Aftermath {
            generation: 1,
            is_told: true,
            clear_at: Some(EpochMs::new(9)),
            ..Aftermath::default()
        }),
        quiet_until: Some(EpochMs::new(10)),
        failure: Some(failure()),
        plan: Some(PlanSummary::default()),
        expires_at: Some(EpochSecs::new(8)),
        correlation_id: CorrelationId::parse("c"),
        trace: TraceHeader::parse("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"),
        batch_id: BatchId::parse(&"b".repeat(32)).ok(),
        play: Some(play()),
        lane: Some(Lane::Bulk),
        ..minimal()
    };
    (job.order.wanted, job.order.reel) = (Wanted::Reel, Some(reel()));
    job.order.story = Some(Story { id: None, name: Some("n".to_owned()), slug: Some(Slug::default()) });
    job
}

#[test]
fn a_job_survives_the_way_through_an_item() {
    for job in [minimal(), full()] {
        assert_eq!(decode(&encode(&job).unwrap()).unwrap(), job);
    }
}

#[test]
fn the_chunks_that_are_made_are_read_and_never_written() {
    let mut item = encode(&full()).unwrap();
    let numbers = vec!["100002".to_owned(), "100000".to_owned()];
    item.insert(CHUNKS_MADE.to_owned(), AttributeValue::Ns(numbers));
    let job = decode(&item).unwrap();
    assert_eq!((job.chunks_done(), job.fan_done.len()), (2, 2));
    let update = update(encode(&job).unwrap(), &OPTIONAL);
    assert!(update.names.values().all(|name| name != CHUNKS_MADE));
}

#[test]
fn a_clip_that_only_batches_want_counts_for_no_tenants_share_of_the_workers() {
    for (lane, clips) in [(None, Some("line")), (Some(Lane::Bulk), None)] {
        let item = encode(&Job { lane, state: State::Queued, ..minimal() }).unwrap();
        assert_eq!(item.get("clips").map(|s| s.as_s().unwrap().as_str()), clips);
    }
}

#[test]
fn an_item_with_names_that_nobody_could_have_ordered_is_no_job() {
    let changed = |change: &dyn Fn(&mut AttributeMap) -> Option<AttributeValue>| {
        let mut item = encode(&full()).unwrap();
        assert!(change(&mut item).is_some(), "there is such an attribute");
        decode(&item)
    };
    let s = |text: &str| AttributeValue::S(text.to_owned());
    for path in ["../other/stream.mpd", "a/%2e%2e/b.mpd", "/a/b.mpd"] {
        let hostile = changed(&|item| match item.get_mut("order") {
            Some(AttributeValue::M(order)) => order.insert("live_path".to_owned(), s(path)),
            _ => None,
        });
        assert!(hostile.is_err(), "{path}");
    }
    for name in ["tenant", "job_id"] {
        assert!(changed(&|item| item.insert(name.to_owned(), s("demo/../other"))).is_err(), "{name}");
    }
}

#[test]
fn a_name_for_logs_that_is_none_does_not_stand_in_a_jobs_way() {
    let none = [
        AttributeValue::S("x".repeat(129)),
        AttributeValue::S("Root=7".repeat(40)),
        AttributeValue::N("7".to_owned()),
        AttributeValue::N("-1.5E+120".to_owned()),
        AttributeValue::N("9".repeat(38)),
        AttributeValue::M(HashMap::from([("S".to_owned(), AttributeValue::S("c".to_owned()))])),
        AttributeValue::L(vec![AttributeValue::N("7".to_owned())]),
        AttributeValue::Ss(vec!["c".to_owned()]),
        AttributeValue::Ns(vec!["7".to_owned()]),
        AttributeValue::B(Blob::new([0xff])),
        AttributeValue::Bs(vec![Blob::new([0xff])]),
        AttributeValue::Bool(true),
        AttributeValue::Null(true),
    ];
    for value in none {
        let mut item = encode(&full()).unwrap();
        for name in ["correlation_id", "trace"] {
            assert!(item.insert(name.to_owned(), value.clone()).is_some());
        }
        let job = Job { correlation_id: None, trace: None, ..full() };
        assert_eq!(decode(&item).unwrap(), job, "{value:?}");
    }
}

#[test]
fn a_reel_of_the_largest_list_fits_into_an_item() {
    let path = |n: usize| LivePath::parse(&format!("{n}/{}/x.mpd", "d".repeat(90))).ok();
    let window = |n: usize| OrderedWindow {
        n,
        live_path: path(n),
        start_pos_ms: EpochMs::new(1_562_300_000_000),
        start_time_ms: Millis::from_days(30),
        duration_ms: Millis::from_hours(4),
        pts: None,
        name: chapter_name(&format!("{n} {}", "\u{65e5}".repeat(60))),
    };
    let mut windows: Vec<_> = (0..MOST_CLIPS).map(window).collect();
    while stored_bytes(&windows) > MOST_REEL_BYTES {
        windows.pop();
    }
    windows.resize(MOST_CLIPS, OrderedWindow { live_path: None, name: None, ..window(0) });
    let skipped = vec![Skipped { n: 1, why: "has no optimized times on this audio track".to_owned() }; 201];
    let holes = vec![Hole { at_ms: Millis::from_hours(12), length_ms: Millis::from_hours(1) }; 100];
    let left_out = DeliveredWindow {
        at_ms: Millis::from_hours(12),
        lack_ms: Millis::from_hours(4),
        length_ms: Millis::ZERO,
        ..made_window()
    };
    let made = Manifest { holes, windows: vec![left_out; MOST_CLIPS], ..file() };
    let job = full();
    let order =
        Order { reel: Some(OrderedReel { windows, skipped, guesses: Vec::new() }), ..job.order.clone() };
    let staged = job.staged[0].clone();
    let stage = |manifest: &Manifest| Staged { manifest: manifest.clone(), ..staged.clone() };
    let earlier = std::iter::repeat_n(stage(&made.without_windows()), 6);
    let staged = earlier.chain([stage(&made), stage(&made)]).collect();
    let item = encode(&Job { order, video: Some(made), staged, ..job }).unwrap();
    let size: usize = item.iter().map(|(name, value)| name.len() + size(value)).sum();
    assert!((300_000..400 * 1024).contains(&size), "{size} bytes");
}

/// Bytes of a value as DynamoDB counts them.
fn size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number.len().div_ceil(2) + 1,
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + size(value)).sum::<usize>(),
        AttributeValue::M(map) => {
            3 + map.iter().map(|(name, value)| 1 + name.len() + size(value)).sum::<usize>()
        }
        _ => 1,
    }
}

#[test]
fn the_list_of_optional_attributes_is_complete() {
    let names = |job: &Job| encode(job).unwrap().into_keys().collect::<BTreeSet<_>>();
    let present = &names(&full()) | &names(&Job { lane: None, ..full() });
    let optional: BTreeSet<String> = present.difference(&names(&minimal())).cloned().collect();
    assert_eq!(optional, OPTIONAL.into_iter().map(str::to_owned).collect());
}

#[test]
fn an_update_sets_what_is_there_and_removes_what_is_gone() {
    let update = update(encode(&minimal()).unwrap(), &OPTIONAL);
    let removed = update.expression.split_once(" REMOVE ").unwrap().1.split(", ").count();
    assert_eq!(removed, OPTIONAL.len());
    assert!(!update.names.values().any(|name| name == "pk" || name == "sk"));
    assert_eq!(update.names.len(), update.values.len() + removed);
}

/// Any value that an attribute can have.
fn value() -> impl Strategy<Value = AttributeValue> {
    let text = || "[a-z]{0,3}";
    let number = || prop_oneof![any::<i64>().prop_map(|n| n.to_string()), "[1-9][0-9]{37}", "[1-9][.][0-9]0"];
    let bytes = || vec(any::<u8>(), 0..4).prop_map(Blob::new);
    let leaf = prop_oneof![
        text().prop_map(AttributeValue::S),
        number().prop_map(AttributeValue::N),
        bytes().prop_map(AttributeValue::B),
        any::<bool>().prop_map(AttributeValue::Bool),
        Just(AttributeValue::Null(true)),
        vec(text(), 1..3).prop_map(AttributeValue::Ss),
        vec(number(), 1..3).prop_map(AttributeValue::Ns),
        vec(bytes(), 1..3).prop_map(AttributeValue::Bs),
    ];
    leaf.prop_recursive(3, 12, 3, move |inner| {
        let members = btree_map(text(), inner.clone(), 0..3);
        let map = members.prop_map(|members| AttributeValue::M(members.into_iter().collect()));
        prop_oneof![map, vec(inner, 0..3).prop_map(AttributeValue::L)]
    })
}

/// A place in an item: names of members and numbers in lists.
type Path = Vec<String>;

/// Where there are maps inside `value`.
fn maps_in(value: &AttributeValue, at: &[String]) -> Vec<Path> {
    let below = |name: String, value| maps_in(value, &[at, &[name]].concat());
    match value {
        AttributeValue::M(map) => {
            let inner = map.iter().flat_map(|(name, value)| below(name.clone(), value));
            std::iter::once(at.to_vec()).chain(inner).collect()
        }
        AttributeValue::L(list) => {
            list.iter().enumerate().flat_map(|(n, value)| below(n.to_string(), value)).collect()
        }
        _ => Vec::new(),
    }
}

/// Where there are maps inside `item`, in order.
fn maps(item: &AttributeMap) -> Vec<Path> {
    let paths = item.iter().flat_map(|(name, value)| maps_in(value, std::slice::from_ref(name)));
    paths.collect::<BTreeSet<_>>().into_iter().collect()
}

fn at<'a>(value: &'a mut AttributeValue, path: &[String]) -> &'a mut AttributeValue {
    let Some((name, rest)) = path.split_first() else { return value };
    let inner = match value {
        AttributeValue::M(map) => map.get_mut(name),
        AttributeValue::L(list) => list.get_mut(name.parse::<usize>().unwrap()),
        _ => None,
    };
    at(inner.unwrap(), rest)
}

/// `item` with `value` at `path`, which is `order.target.container` or the like.
fn with(item: AttributeMap, path: &str, value: AttributeValue) -> AttributeMap {
    let path: Path = path.split('.').map(str::to_owned).collect();
    let (name, parent) = path.split_last().unwrap();
    let mut whole = AttributeValue::M(item);
    match at(&mut whole, parent) {
        AttributeValue::M(map) => drop(map.insert(name.clone(), value)),
        AttributeValue::L(list) => list[name.parse::<usize>().unwrap()] = value,
        _ => panic!("{path:?} is in no map"),
    }
    let AttributeValue::M(item) = whole else { unreachable!() };
    item
}

/// The item after a write by this version, which renews the claim.
fn renewed(item: &AttributeMap) -> AttributeMap {
    let job = decode(item).unwrap();
    let next = job.renewed(job.fence, EpochMs::new(1), &Lifecycle::default()).unwrap();
    item.clone().into_iter().chain(encode(&next).unwrap()).collect()
}

/// What is inside an item: what renewals leave alone.
fn inside(item: &AttributeMap) -> BTreeSet<(String, String)> {
    let nested = |value: &AttributeValue| value.is_m() || value.is_l();
    item.iter()
        .filter(|(_, value)| nested(value))
        .map(|(name, value)| (name.clone(), sorted(value)))
        .collect()
}

/// A value as text that does not depend on the order of a map's members.
fn sorted(value: &AttributeValue) -> String {
    match value {
        AttributeValue::M(map) => {
            let members = map.iter().map(|(name, value)| format!("{name}: {}", sorted(value)));
            format!("{:?}", members.collect::<BTreeSet<_>>())
        }
        AttributeValue::L(list) => format!("{:?}", list.iter().map(sorted).collect::<Vec<_>>()),
        other => format!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn whatever_a_newer_version_keeps_in_a_job_stays_when_this_one_writes_it(
        members in vec((any::<Index>(), "[A-Z][a-z]{0,2}", value()), 0..6)
    ) {
        let mut item = AttributeValue::M(encode(&full()).unwrap());
        for (place, name, value) in members {
            let AttributeValue::M(map) = &item else { unreachable!() };
            let places: Vec<Path> = maps(map).into_iter().chain([Path::new()]).collect();
            let place: &Path = place.get(&places);
            let AttributeValue::M(map) = at(&mut item, place) else { unreachable!() };
            map.insert(name, value);
        }
        let AttributeValue::M(item) = item else { unreachable!() };
        let read = decode(&item).unwrap();
        prop_assert_eq!(Job { unread: Unread::default(), ..read }, full());
        prop_assert_eq!(inside(&renewed(&item)), inside(&item));
    }
}

/// Where there are texts inside `value`.
fn texts_in(value: &AttributeValue, at: &str) -> Vec<String> {
    match value {
        AttributeValue::S(_) => vec![at.to_owned()],
        AttributeValue::M(map) => {
            map.iter().flat_map(|(name, value)| texts_in(value, &format!("{at}.{name}"))).collect()
        }
        AttributeValue::L(list) => {
            list.iter().enumerate().flat_map(|(n, value)| texts_in(value, &format!("{at}.{n}"))).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn words_of_a_newer_version_can_be_read_and_stay_when_this_one_writes_the_job() {
    let newer = || AttributeValue::S("FOLDED".to_owned());
    let item = encode(&full()).unwrap();
    let texts: BTreeSet<String> = item.iter().flat_map(|(name, value)| texts_in(value, name)).collect();
    for word in ["state", "order.wanted", "order.target.container", "failure.reason.code", "staged.0.object"]
    {
        assert!(texts.contains(word), "{word}");
    }
    let exempt = [
        "tenant",
        "job_id",
        "batch_id",
        "untold.0.batch_id",
        "order.live_path",
        "order.reel.windows.0.live_path",
        "play.files.0",
    ];
    let names = |path: &String| exempt.contains(&path.as_str());
    for path in texts.iter().filter(|path| !names(path)) {
        let item = with(item.clone(), path, newer());
        if path.contains('.') {
            assert_eq!(inside(&renewed(&item)), inside(&item), "{path}");
        } else {
            assert!(decode(&item).is_ok(), "{path}");
        }
    }
    assert_eq!(decode(&with(item, "state", newer())).unwrap().state, State::Unknown);
}

#[test]
fn what_takes_the_place_of_something_has_nothing_of_it() {
    let more = |item, path| with(item, path, AttributeValue::Bool(true));
    let item = more(more(encode(&full()).unwrap(), "plan.more"), "video.more");
    let job = decode(&item).unwrap();
    let (image, times) = (job.image.clone().unwrap(), Lifecycle::default());
    let other = Manifest { bytes: 7, ..image.clone() };
    let plan = PlanSummary { kind: "copy".to_owned(), ..PlanSummary::default() };
    let next = encode(&job.with_video(job.fence, other, plan, EpochMs::new(1), &times).unwrap()).unwrap();
    for name in ["plan", "video"] {
        assert!(!next[name].as_m().unwrap().contains_key("more"), "{name}");
    }
}

#[test]
fn an_order_keeps_what_a_newer_version_stored_in_it_if_a_request_of_this_one_restarts_the_job() {
    let failed = Job { state: State::Failed, expires_at: Some(EpochSecs::new(0)), ..full() };
    let item = with(encode(&failed).unwrap(), "order.more", AttributeValue::Bool(true));
    let job = decode(&item).unwrap();
    let order = Order { story: None, ..job.order.clone() };
    let Posted::Restart(next) = job.posted(&order, EpochMs::new(1), &Lifecycle::default()) else {
        panic!("it has expired")
    };
    let order = &encode(&next).unwrap()["order"];
    let order = order.as_m().unwrap();
    assert_eq!(order.get("more"), Some(&AttributeValue::Bool(true)));
    assert!(!order.contains_key("story"), "the request has none");
}
