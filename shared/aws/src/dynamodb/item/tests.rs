use super::*;
use aws_sdk_dynamodb::primitives::Blob;
use export_domain::ids::{JobId, LivePath, TenantId};
use export_domain::job::{
    Failure, Manifest, ObjectKind, Order, PlanSummary, Reason, Staged, State, UntoldEnd, Warning, WarningCode,
};
use export_domain::request::{ExportType, Story, Wanted};
use export_domain::settings::Lifecycle;
use export_domain::storage::{Container, Slug};
use export_domain::tenant::Target;
use export_domain::trace::{CorrelationId, TraceHeader};
use std::collections::BTreeSet;

fn minimal() -> Job {
    let order = Order {
        wanted: Wanted::Media,
        start_pos_ms: 1,
        start_time_ms: 2,
        duration_ms: 3,
        live_path: LivePath::parse("a/b.mpd").unwrap(),
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
    };
    let id = JobId::parse(&"b".repeat(32)).unwrap();
    let job = Job::new(TenantId::parse("demo").unwrap(), id, order, 1, &Lifecycle::default());
    Job { due_at: None, state: State::Ready, ..job }
}

fn full() -> Job {
    let warnings = vec![Warning { code: WarningCode::SegmentsLeftOut, count: 2, detail: "segment 7".into() }];
    let (bytes, sha256) = (u64::MAX, "x".to_owned());
    let manifest = Manifest { bytes, sha256, parts: 2, duration_ms: 1, lack_ms: 2, warnings };
    let mut job = Job {
        state: State::Running,
        started_at: Some(1),
        lease_until: Some(2),
        claim_id: Some("c".to_owned()),
        due_at: Some(3),
        deadline_at: Some(4),
        wake_at: Some(5),
        unanswered_since: Some(5),
        source_missing_since: Some(6),
        image: Some(manifest.clone()),
        video: Some(manifest.clone()),
        staged: vec![Staged { object: ObjectKind::Video, generation: 1, fence: 2, manifest }],
        untold: vec![UntoldEnd {
            generation: 1,
            state: State::Cancelled,
            failure: None,
            at: 7,
            correlation_id: CorrelationId::parse("e"),
        }],
        failure: Some(Failure {
            reason: Reason::ClipTooLarge { longest_ms: 9 },
            detail: "too long".into(),
            retriable: false,
            at: 7,
        }),
        plan: Some(PlanSummary::default()),
        expires_at: Some(8),
        correlation_id: CorrelationId::parse("c"),
        trace: TraceHeader::parse("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"),
        ..minimal()
    };
    job.order.story = Some(Story { id: None, name: Some("n".to_owned()), slug: Some(Slug::default()) });
    job
}

#[test]
fn a_job_survives_the_way_through_an_item() {
    for job in [minimal(), full()] {
        assert_eq!(decode(encode(&job).unwrap()).unwrap(), job);
    }
}

#[test]
fn an_item_with_names_that_nobody_could_have_ordered_is_no_job() {
    let changed = |change: &dyn Fn(&mut AttributeMap) -> Option<AttributeValue>| {
        let mut item = encode(&full()).unwrap();
        assert!(change(&mut item).is_some(), "there is such an attribute");
        decode(item)
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
fn attributes_of_a_newer_version_are_no_obstacle() {
    let mut item = encode(&full()).unwrap();
    item.insert("colour".to_owned(), AttributeValue::Ss(vec!["red".to_owned()]));
    assert_eq!(decode(item).unwrap(), full());
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
        assert_eq!(decode(item).unwrap(), job, "{value:?}");
    }
}

#[test]
fn the_list_of_optional_attributes_is_complete() {
    let names = |job: &Job| encode(job).unwrap().into_keys().collect::<BTreeSet<_>>();
    let optional: BTreeSet<String> = names(&full()).difference(&names(&minimal())).cloned().collect();
    assert_eq!(optional, OPTIONAL.into_iter().map(str::to_owned).collect());
}

#[test]
fn an_update_sets_what_is_there_and_removes_what_is_gone() {
    let update = update(encode(&minimal()).unwrap());
    let removed = update.expression.split_once(" REMOVE ").unwrap().1.split(", ").count();
    assert_eq!(removed, OPTIONAL.len());
    assert!(!update.names.values().any(|name| name == "pk" || name == "sk"));
    assert_eq!(update.names.len(), update.values.len() + removed);
}
