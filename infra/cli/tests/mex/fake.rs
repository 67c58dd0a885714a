//! A service that answers by a script, and breaks as one may break.

use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What becomes of one request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Status, headers, body.
    Answer(u16, Vec<(String, String)>, Vec<u8>),
    /// The file: whole, or from where the request's `Range` says. The connection ends after that many bytes.
    File { bytes: Vec<u8>, most: usize, ranges: bool },
    /// As `File`, but then nothing more comes, and the connection stays.
    Stall { bytes: Vec<u8>, most: usize },
    /// The connection is closed when the request has been read.
    Break,
    /// Nothing comes.
    Silence,
}

/// An answer in JSON.
pub(crate) fn json(status: u16, body: &Value) -> Reply {
    Reply::Answer(status, Vec::new(), body.to_string().into_bytes())
}

/// The same with a header.
pub(crate) fn json_with(status: u16, name: &str, value: &str, body: &Value) -> Reply {
    Reply::Answer(status, vec![(name.to_owned(), value.to_owned())], body.to_string().into_bytes())
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

#[derive(Default)]
struct Script {
    replies: BTreeMap<String, VecDeque<Reply>>,
    seen: Vec<Seen>,
}

/// A service on a free port.
#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) port: u16,
    script: Arc<Mutex<Script>>,
}

impl Fake {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let fake = Self { port, script: Arc::default() };
        let serving = fake.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let each = serving.clone();
                thread::spawn(move || each.serve(stream.unwrap()));
            }
        });
        fake
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Answers `METHOD /path` with these in turn; the last one stays.
    pub(crate) fn on(&self, route: &str, replies: Vec<Reply>) -> &Self {
        self.script.lock().unwrap().replies.insert(route.to_owned(), replies.into());
        self
    }

    /// The requests of a route.
    pub(crate) fn seen(&self, route: &str) -> Vec<Seen> {
        let script = self.script.lock().unwrap();
        script.seen.iter().filter(|seen| seen.line == route).cloned().collect()
    }

    fn serve(&self, mut stream: TcpStream) {
        let Some(seen) = read(&stream) else { return };
        let reply = self.next(&seen);
        match reply {
            Reply::Break => {}
            Reply::Silence => wait_for_end(&mut stream),
            Reply::Answer(status, headers, body) => {
                let mut head =
                    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
                for (name, value) in headers {
                    head.extend([name.as_str(), ": ", &value, "\r\n"]);
                }
                let _ = stream.write_all(&[head.as_bytes(), b"\r\n", &body].concat());
            }
            Reply::File { bytes, most, ranges } => {
                send(&mut stream, &seen, &bytes, most, ranges);
            }
            Reply::Stall { bytes, most } => {
                send(&mut stream, &seen, &bytes, most, true);
                wait_for_end(&mut stream);
            }
        }
    }

    fn next(&self, seen: &Seen) -> Reply {
        let mut script = self.script.lock().unwrap();
        script.seen.push(seen.clone());
        let Some(replies) = script.replies.get_mut(&seen.line) else {
            return json(404, &serde_json::json!({ "message": format!("no script for {}", seen.line) }));
        };
        if replies.len() > 1 { replies.pop_front().unwrap() } else { replies.front().unwrap().clone() }
    }
}

fn wait_for_end(stream: &mut TcpStream) {
    let _ = stream.read(&mut [0; 1]);
}

fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { line, headers, body: String::from_utf8(body).unwrap() })
}

fn send(stream: &mut TcpStream, seen: &Seen, bytes: &[u8], most: usize, ranges: bool) {
    let range = seen.headers.get("range").filter(|_| ranges);
    let from: usize =
        range.map_or(0, |range| range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap());
    let rest = &bytes[from..];
    let status = if range.is_some() { 206 } else { 200 };
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", rest.len());
    let _ = stream.write_all(&[head.as_bytes(), &rest[..most.min(rest.len())]].concat());
}
