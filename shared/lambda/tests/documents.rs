//! Documents of both kinds: requests as the gateway hands them over, against golden tables in memory.
#![cfg(feature = "documents")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use export_domain::time::EpochMs;
use export_lambda::documents::{DocumentOrder, DocumentServer, Form};
use export_lambda::http::{Reply, Request, by_hand};
use export_mre::attr::Attr;
use export_mre::format::Format;
use export_mre::json::Json;
use export_mre::keys::{EventKey, ReplayKey, event_export_key, replay_export_key};
use export_mre::ports::{DocumentLink, OrderProgress};
use export_testkit::mre::{MemoryOrders, MemorySource, Scenario, scenario};
use export_testkit::{NOW, TestClock};
use std::time::Duration;

const LEFT: Duration = Duration::from_secs(29);

type Server = DocumentServer<MemorySource, MemoryOrders, MemoryOrders, TestClock>;

/// What differs between documents of events and of replays. Scenarios are named after what they show.
struct Kind {
    function: &'static str,
    is_replay: bool,
    guide: &'static str,
    mre: &'static str,
    usual: &'static str,
    stored: &'static str,
    lenient: (&'static str, &'static str),
    /// A scenario, and the rows of a page with which it takes more than 8 reads.
    paged: (&'static str, usize),
    /// Whether a document of the guide holds what the tables of `usual` say.
    holds_the_tables: fn(&Json) -> bool,
}

const KINDS: [Kind; 2] = [
    Kind {
        function: "event-export",
        is_replay: false,
        guide: "/export/data/event/{event}/program/{program}",
        mre: "/event/{event}/export/data/program/{program}",
        usual: "event_feedback",
        stored: "event_name_u2028",
        lenient: ("event_live_no_audio_tracks", "audio-tracks-missing"),
        paged: ("event_200_segments_page_boundary", 50),
        holds_the_tables: |document| {
            let attributes = document.get("Event").and_then(|event| event.get("AllOutputAttributes"));
            attributes.and_then(|attributes| attributes.get("Labeler")).is_some()
        },
    },
    Kind {
        function: "replay-export",
        is_replay: true,
        guide: "/export/data/replay/{id}/event/{event}/program/{program}",
        mre: "/replay/export/data/{id}/event/{event}/program/{program}",
        usual: "replay_mp4_weight",
        stored: "replay_catchup",
        lenient: ("replay_minimal_request", "request-field-missing"),
        paged: ("replay_optimizer", 2),
        holds_the_tables: |document| {
            let track = document.get("Replay").and_then(|replay| replay.get("AudioTrack"));
            track.and_then(Json::as_number) == Some("1.0")
        },
    },
];

impl Kind {
    async fn handle(&self, server: &Server, request: &Request) -> Reply {
        let request = Request { left: LEFT, ..request.clone() };
        if self.is_replay {
            server.handle::<ReplayKey>(&request).await
        } else {
            server.handle::<EventKey>(&request).await
        }
    }

    async fn ask(&self, source: MemorySource, request: &Request) -> Reply {
        self.handle(&server(source), request).await
    }

    fn example(&self, name: &str) -> Request {
        let path = format!("{}/../../events/{}/{name}", env!("CARGO_MANIFEST_DIR"), self.function);
        by_hand(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).unwrap()
    }

    /// A scenario with the document that MRE stored for it, under the returned key.
    fn exported(&self, scenario: &Scenario) -> (MemorySource, String, String) {
        let mut source = scenario.source();
        let text = scenario.get("expected.document").unwrap().to_text();
        let (row, name, key) = if self.is_replay {
            (&mut source.replay_requests[0], "ReplayDataExportLocation", replay_export_key("stored"))
        } else {
            (&mut source.events[0], "EventDataExportLocation", event_export_key("stored"))
        };
        row.insert(name.to_owned(), Attr::S(format!("s3://any/{key}")));
        source.objects.insert(key.clone(), text.clone());
        (source, text, key)
    }
}

fn server(source: MemorySource) -> Server {
    DocumentServer {
        source,
        links: MemoryOrders::default(),
        queue: MemoryOrders::default(),
        clock: TestClock::standing(NOW),
    }
}

/// A request of a route for the scenario's document.
fn call(scenario: &Scenario, route: &str, query: &str) -> Request {
    let event = scenario.event();
    let names = [("event", event.name), ("program", event.program)].into_iter();
    let names = names.chain(scenario.replay().map(|key| ("id", key.id)));
    Request {
        method: "GET".to_owned(),
        route: route.to_owned(),
        query: query.to_owned(),
        path_parameters: names.map(|(name, value)| (name.to_owned(), value)).collect(),
        ..Request::default()
    }
}

#[tokio::test]
async fn the_example_events_are_answered() {
    for kind in KINDS {
        let source = || scenario(kind.usual).source();
        let found = kind.ask(source(), &kind.example("get-ok.apigw-v2.json")).await;
        assert_eq!(found.status_code, 200, "{}", kind.function);
        assert!(Json::parse(&found.body).unwrap().get("Segments").is_some());
        let missing = kind.ask(source(), &kind.example("get-not-found.apigw-v2.json")).await;
        assert_eq!(
            (missing.status_code, missing.headers["content-type"].as_str()),
            (404, "application/problem+json")
        );
    }
}

#[tokio::test]
async fn the_example_of_an_edit_list_is_answered_as_mre_does() {
    let [event, _] = KINDS;
    let answer = async |change: fn(&mut MemorySource, &mut Request)| {
        let (mut source, mut call) = (scenario(event.usual).source(), event.example("get-edl.apigw-v2.json"));
        change(&mut source, &mut call);
        event.ask(source, &call).await
    };
    let text = |reply: &Reply| {
        let blob = serde_json::from_str::<serde_json::Value>(&reply.body).unwrap();
        blob["BlobContent"].as_str().unwrap().to_owned()
    };
    let reply = answer(|_, _| {}).await;
    assert_eq!((reply.status_code, reply.headers["x-export-source"].as_str()), (200, "live"));
    assert!(text(&reply).starts_with("TITLE: "), "{}", reply.body);
    assert!(text(&reply).contains("\r\nFCM: DROP FRAME\r\n001  AX       B     C        "), "{}", reply.body);
    assert!(
        reply.headers["etag"].ends_with("-edl-blob\"") && !reply.headers.contains_key("content-disposition")
    );
    let bare = answer(|_, call| {
        call.headers.insert("accept".to_owned(), "application/octet-stream".to_owned());
    });
    assert_eq!(bare.await.body, text(&reply));
    let without = answer(|source, call| {
        source.events[0].remove("FrameRate");
        call.query = String::new();
    });
    assert_eq!(text(&without.await), "No Content found");
}

#[tokio::test]
async fn a_stored_export_that_cannot_be_read_is_built_anew_in_its_format() {
    for kind in KINDS {
        let scenario = scenario(kind.stored);
        let ask = async |is_readable: bool| {
            let (mut source, text, key) = kind.exported(&scenario);
            if !is_readable {
                source.objects.insert(key, "{\"Segments\": [}".to_owned());
            }
            (kind.ask(source, &call(&scenario, kind.mre, "format=ndjson")).await, text)
        };
        let (stored, text) = ask(true).await;
        assert_eq!(stored.headers["x-export-source"], "stored");
        let document = Json::parse(&text).unwrap();
        let segments = document.get("Segments").unwrap().items();
        assert_eq!(stored.body, segments.iter().map(|each| each.to_text() + "\n").collect::<String>());
        let (built, _) = ask(false).await;
        assert_eq!((built.status_code, built.headers["x-export-source"].as_str()), (200, "live"));
        assert!(built.headers["x-export-warnings"].contains("stored-export-unreadable"));
    }
}

#[tokio::test]
async fn the_guides_route_builds_the_guides_document_now() {
    for kind in KINDS {
        let scenario = scenario(kind.usual);
        let reply = kind.ask(kind.exported(&scenario).0, &call(&scenario, kind.guide, "")).await;
        assert_eq!(reply.headers["x-export-source"], "live");
        if !kind.is_replay {
            assert_eq!(reply.headers["x-export-profile-source"], "stored");
        }
        assert!((kind.holds_the_tables)(&Json::parse(&reply.body).unwrap()), "{}", reply.body);
    }
}

#[tokio::test]
async fn mres_route_answers_what_was_stored_as_it_was() {
    for kind in KINDS {
        let scenario = scenario(kind.stored);
        let (source, text, _) = kind.exported(&scenario);
        let reply = kind.ask(source, &call(&scenario, kind.mre, "")).await;
        assert_eq!(reply.headers["x-export-source"], "stored");
        let blob = serde_json::from_str::<serde_json::Value>(&reply.body).unwrap();
        assert_eq!(blob["BlobContent"], format!("{text}\n"));
    }
}

#[tokio::test]
async fn without_a_stored_document_mres_route_builds_one() {
    for kind in KINDS {
        let scenario = scenario(kind.usual);
        let (mut source, _, key) = kind.exported(&scenario);
        source.objects.remove(&key);
        let reply = kind.ask(source, &call(&scenario, kind.mre, "")).await;
        assert_eq!((reply.status_code, reply.headers["x-export-source"].as_str()), (200, "live"));
    }
}

#[tokio::test]
async fn leniencies_are_listed() {
    for kind in KINDS {
        let scenario = scenario(kind.lenient.0);
        let reply = kind.ask(scenario.source(), &call(&scenario, kind.guide, "")).await;
        assert_eq!(reply.headers["x-export-warnings"], kind.lenient.1);
    }
}

#[tokio::test]
async fn a_failed_read_is_503_and_never_a_part_of_the_document() {
    for kind in KINDS {
        let scenario = scenario(kind.paged.0);
        for route in [kind.guide, kind.mre] {
            let paged = |failing| {
                let (mut source, ..) = kind.exported(&scenario);
                source.page_rows = kind.paged.1;
                source.failing_read = failing;
                source
            };
            let call = call(&scenario, route, "source=live");
            let whole = server(paged(None));
            assert_eq!(kind.handle(&whole, &call).await.status_code, 200);
            let reads = whole.source.log().len();
            assert!(reads > 8, "{reads} reads");
            for read in 0..reads {
                let reply = kind.ask(paged(Some(read)), &call).await;
                assert_eq!(
                    (reply.status_code, reply.headers["retry-after"].as_str()),
                    (503, "5"),
                    "read {read} of {route}"
                );
                assert!(
                    !reply.body.contains("Segments") && !reply.body.contains("made to fail"),
                    "{}",
                    reply.body
                );
            }
        }
    }
}

#[tokio::test]
async fn a_document_that_cannot_be_kept_is_503_without_internals() {
    for kind in KINDS {
        let scenario = scenario(kind.usual);
        let reply = kind.ask(scenario.source(), &call(&scenario, kind.guide, "delivery=link")).await;
        assert_eq!(reply.status_code, 503);
        assert!(!reply.body.contains("secret"));
    }
}

#[tokio::test]
async fn what_is_not_acceptable_is_refused_before_anything_is_read() {
    for kind in KINDS {
        let scenario = scenario(kind.usual);
        let server = server(scenario.source());
        let mut long = call(&scenario, kind.guide, "");
        let name = if kind.is_replay { "id" } else { "event" };
        long.path_parameters.insert(name.to_owned(), "x".repeat(1000));
        for call in [long, call(&scenario, kind.guide, "view=xml"), Request::default()] {
            assert_eq!(kind.handle(&server, &call).await.status_code, 400, "{}", kind.function);
        }
        assert!(server.source.log().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_that_takes_too_long_is_ordered_once_and_fetched_when_it_is_there() {
    for kind in KINDS {
        let scenario = scenario(kind.usual);
        let mut source = scenario.source();
        source.stalls = true;
        let server = server(source);
        let plain = call(&scenario, kind.guide, "format=csv");
        let began = tokio::time::Instant::now();
        let first = kind.handle(&server, &plain).await;
        assert_eq!((first.status_code, first.headers["retry-after"].as_str()), (202, "5"));
        assert!(began.elapsed() < LEFT);
        let sent = server.queue.sent();
        assert_eq!(sent.len(), 1);
        let order = DocumentOrder::read(&sent[0]).unwrap();
        assert_eq!((order.event(), order.form), (scenario.event(), Form::Bare));
        assert_eq!(order.rendering().format, Format::Csv);
        assert_eq!(order.replay(), scenario.replay());

        let began = tokio::time::Instant::now();
        assert_eq!(kind.handle(&server, &plain).await.status_code, 202);
        assert!(began.elapsed() < Duration::from_secs(3), "it is not built here again");
        assert_eq!(server.queue.sent().len(), 1);

        let link = DocumentLink { url: "https://s3/built".to_owned(), expires_at: EpochMs::ZERO };
        server.links.set(OrderProgress::Built { link, bytes: 2, sha256: "aa".to_owned() });
        let built = kind.handle(&server, &plain).await;
        assert_eq!((built.status_code, built.headers["location"].as_str()), (307, "https://s3/built"));
        assert_eq!(built.headers["cache-control"], "no-store");
        assert!(built.headers["etag"].starts_with("\"aa-"), "{built:?}");
        let link = kind.handle(&server, &call(&scenario, kind.guide, "format=csv&delivery=link")).await;
        assert_eq!(link.status_code, 200);
        assert!(link.body.contains("\"Location\":\"https://s3/built\""), "{}", link.body);
    }
}
