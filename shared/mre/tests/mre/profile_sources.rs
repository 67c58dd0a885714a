//! Which profile a document shows: the last trigger's, else the stored export's, else the tables'.

use export_mre::attr::Attr;
use export_mre::document::View;
use export_mre::json::Json;
use export_mre::profile::ProfileSource;
use export_mre::trigger::Trigger;
use export_testkit::mre::MemorySource;

use crate::order::sort_configurations;
use crate::support::{Scenario, scenario};

fn profile_of(scenario: &Scenario, source: &MemorySource) -> (ProfileSource, String) {
    let export = scenario.live(source, View::Guide).unwrap();
    let document = Json::parse(&export.text).unwrap();
    let profile = document.get("Event").and_then(|event| event.get("Profile")).unwrap().clone();
    (export.profile_source.unwrap(), sort_configurations(profile).to_text())
}

#[test]
fn the_last_trigger_wins_then_the_stored_export_then_the_tables() {
    let scenario = scenario("replay_optimizer");
    let mut source = scenario.source();
    let Trigger::Replay(key) = scenario.trigger() else { panic!("a replay") };

    let (from, stored) = profile_of(&scenario, &source);
    assert_eq!(from, ProfileSource::Stored);

    let short = r#"{"Name": "TennisProfile", "Newer": true, "Classifier": {"Name": "TennisSegmentation"}}"#;
    source.trigger_profiles.push((key.event.clone(), short.to_owned()));
    assert_eq!(profile_of(&scenario, &source), (ProfileSource::Trigger, short.to_owned()));

    source.trigger_event_id = Some("another".to_owned());
    let (from, _) = profile_of(&scenario, &source);
    assert_eq!(from, ProfileSource::Stored, "an event created anew under the same name");
    source.trigger_event_id = source.events[0].get("Id").and_then(Attr::as_str).map(str::to_owned);
    assert_eq!(profile_of(&scenario, &source).0, ProfileSource::Trigger);

    source.trigger_profiles[0].1 = "5".to_owned();
    assert_eq!(profile_of(&scenario, &source), (ProfileSource::Stored, stored.clone()), "no profile");

    source.objects.clear();
    assert_eq!(profile_of(&scenario, &source), (ProfileSource::Derived, stored), "derived as MRE baked it");
}

#[test]
fn a_profile_of_another_name_than_the_events_loses() {
    let scenario = scenario("replay_optimizer");
    let Trigger::Replay(key) = scenario.trigger() else { panic!("a replay") };
    let other = r#"{"Name": "earlier", "Classifier": {"Name": "TennisSegmentation"}}"#;
    let mut source = scenario.source();
    source.trigger_profiles.push((key.event.clone(), other.to_owned()));
    assert_eq!(profile_of(&scenario, &source).0, ProfileSource::Stored);
    // What was stored before the event's profile was changed.
    for text in source.objects.values_mut() {
        *text = text.replace(r#""Profile": {"Name": "TennisProfile""#, r#""Profile": {"Name": "earlier""#);
    }
    assert_eq!(profile_of(&scenario, &source).0, ProfileSource::Derived);
    source.profiles.clear();
    assert_eq!(
        profile_of(&scenario, &source),
        (ProfileSource::Trigger, other.to_owned()),
        "better than none"
    );
    let export = scenario.live(&source, View::Guide).unwrap();
    assert_eq!(export.warnings.header().as_deref(), Some("profile-name-differs"));
}
