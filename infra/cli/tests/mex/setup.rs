//! Configuration, sign-in, and what shells and `man` read.

use crate::fake::{Fake, json};
use crate::run::{Home, JOB, Ran, SESSION, command, finished, job_route, mex, ready};
use export_domain::version::BuildVersion;
use serde_json::json;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

fn run(home: &Home, args: &[&str]) -> Ran {
    finished(command(home, None, args))
}

fn typed(home: &Home, text: &str, args: &[&str]) -> i32 {
    let mut child = command(home, None, args).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait().unwrap().code().unwrap()
}

#[test]
fn a_session_is_tried_and_kept_in_a_file_of_its_own() {
    let (home, fake) = (Home::new(), Fake::start());
    let listed = json(200, &json!({ "jobs": [], "next": null }));
    fake.on("GET /export/jobs?limit=1", vec![json(401, &json!({ "detail": "session invalid" })), listed])
        .on(&job_route("GET", JOB), vec![json(200, &ready(JOB, b""))]);
    let login = ["login", "--url", &fake.url(), "--profile", "acme"];
    assert_eq!(typed(&home, "short\n", &login), 4);
    assert_eq!(typed(&home, SESSION, &login), 4);
    assert!(!home.file(".config/mex/config.toml").exists());
    assert_eq!(typed(&home, SESSION, &login), 0);
    let secret = fs::metadata(home.file(".config/mex/sessions/acme")).unwrap();
    assert_eq!(secret.permissions().mode() & 0o777, 0o600);
    assert!(!fs::read_to_string(home.file(".config/mex/config.toml")).unwrap().contains(SESSION));
    run(&home, &["show", JOB]).ended(0);
    assert_eq!(fake.seen(&job_route("GET", JOB))[0].headers["authorization"], format!("Bearer {SESSION}"));
}

#[test]
fn configuration_is_set_shown_and_removed() {
    let home = Home::new();
    for (key, value) in [
        ("acme.url", "https://a.example/"),
        ("acme.container", "ts"),
        ("acme.session-command", "pass show mex"),
        ("default", "acme"),
    ] {
        run(&home, &["config", "set", key, value]).ended(0);
    }
    let listed = run(&home, &["config", "list"]).ended(0).text();
    assert_eq!(
        listed,
        "default = \"acme\"\n\n[profile.acme]\nurl = \"https://a.example\"\ncontainer = \"ts\"\n\n[profile.acme.session]\ncommand = \"pass show mex\"\n"
    );
    assert_eq!(run(&home, &["config", "get", "acme.session-command"]).ended(0).text(), "pass show mex\n");
    assert!(run(&home, &["config", "path"]).ended(0).text().ends_with(".config/mex/config.toml\n"));
    run(&home, &["config", "set", "acme.container", ""]).ended(0);
    run(&home, &["config", "get", "acme.container"]).ended(5);
    for wrong in [
        ["acme.container", "avi"],
        ["acme.url", "a.example"],
        ["acme.none", "x"],
        ["default", "none"],
        ["none", "x"],
    ] {
        run(&home, &["config", "set", wrong[0], wrong[1]]).ended(2);
    }
}

#[test]
fn shells_and_man_get_what_they_read() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(run(&home, &["completion", shell]).ended(0).text().contains("clip-all"), "{shell}");
    }
    run(&home, &["man", "pages"]).ended(0);
    let page = fs::read_to_string(home.file("pages/mex.1")).unwrap();
    assert!(page.contains("Exit codes") && home.file("pages/mex-clip.1").exists());
    assert_eq!(run(&home, &["--version"]).ended(0).text(), format!("mex {}\n", BuildVersion::OWN));
}

#[test]
fn a_doctor_names_what_is_to_be_mended() {
    let (home, fake) = (Home::new(), Fake::start());
    let page = json!({ "jobs": [], "next": null, "folders": [], "recordings": [] });
    fake.on("GET /export/jobs?limit=1", vec![json(200, &page)])
        .on("GET /export/jobs?limit=1&state=READY", vec![json(200, &page)])
        .on("GET /recordings?limit=1", vec![json(200, &page)]);
    let ran = mex(&home, &fake, &["doctor"]).ended(0);
    assert!(ran.text().contains("ok     service     does not name its version\n"), "{}", ran.text());
    let version = json!({ "version": "1.2.3", "commit": "0123456789ab" });
    fake.on("GET /export/version", vec![json(200, &version)]);
    let ran = mex(&home, &fake, &["doctor"]).ended(0);
    assert!(ran.text().contains("ok     service     1.2.3 (0123456789ab)\n"), "{}", ran.text());
    fake.on(
        "GET /recordings?limit=1",
        vec![json(403, &json!({ "detail": "recordings access is switched off" }))],
    );
    let ran = mex(&home, &fake, &["doctor"]).ended(3);
    assert!(
        ran.text().contains(
            "ok     jobs        the session lists jobs\nFAULT  recordings  recordings access is switched off"
        ),
        "{}",
        ran.text()
    );
    let late = crate::fake::json_with(200, "Date", "Thu, 04 Jul 2019 15:07:00 GMT", &page);
    fake.on("GET /export/jobs?limit=1", vec![late]);
    let ran = mex(&home, &fake, &["doctor"]).ended(1);
    assert!(ran.text().contains("FAULT  clock       this machine's clock differs"), "{}", ran.text());
}

#[test]
fn colours_are_shown_where_the_environment_wants_them() {
    let (home, fake) = (Home::new(), Fake::start());
    fake.on(&job_route("GET", JOB), vec![json(404, &json!({ "detail": "no such job" }))]);
    let shown = |set: &[(&str, &str)], args: &[&str]| {
        let mut command = command(&home, Some(&fake), args);
        command.envs(set.iter().copied());
        finished(command)
    };
    let coloured = "\u{1b}[31merror:\u{1b}[0m ";
    let forced = [("CLICOLOR_FORCE", "1")];
    for args in [["show", JOB], ["lost", JOB]] {
        assert!(shown(&forced, &args).stderr.starts_with(coloured));
        assert!(shown(&[], &args).stderr.starts_with("error: "));
        let both = [forced[0], ("NO_COLOR", "1")];
        assert!(shown(&both, &args).stderr.starts_with("error: "));
    }
    fake.on(&job_route("GET", JOB), vec![json(200, &ready(JOB, b"x"))]);
    assert!(shown(&forced, &["show", JOB]).text().contains("\u{1b}[32mready\u{1b}[0m\n"));
    assert!(!shown(&forced, &["show", JOB, "--json"]).text().contains('\u{1b}'));
}
