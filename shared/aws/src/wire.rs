//! A service whose replies tests write byte by byte, for what no emulator does: cut, stall, contradict.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use crate::clients::{Patience, configured};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::Credentials;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The reply to one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These bytes, then the connection ends.
    Bytes(Vec<u8>),
    /// These bytes and no more, the connection stays open.
    Stall(Vec<u8>),
}

/// A service on a free port. It answers with its replies in turn, and with the last one from then on.
pub(crate) struct Service {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// A request: head in lower case, and body.
type Request = (String, String);

impl Service {
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let (heard, mut replies) = (Arc::clone(&requests), replies.into_iter().collect::<VecDeque<_>>());
        tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                let reply = if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() };
                tokio::spawn(answer(connection, reply.unwrap(), Arc::clone(&heard)));
            }
        });
        Self { address, requests }
    }

    /// A configuration that leads here.
    pub(crate) async fn config(&self, patience: Patience) -> SdkConfig {
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .endpoint_url(format!("http://{}", self.address));
        configured(loader, patience).load().await
    }

    /// Heads of the requests so far, in lower case.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|(head, _)| head.clone()).collect()
    }

    /// Bodies of the requests so far.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }
}

/// A reply of `status` with `headers` and a body.
pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let said = headers.iter().any(|(name, _)| *name == "content-length");
    let length = ("content-length", body.len().to_string());
    let own = [("connection", "close".to_owned()), length].into_iter().take(if said { 1 } else { 2 });
    let given = headers.iter().map(|(name, value)| (*name, (*value).to_owned()));
    let head: Vec<String> = own.chain(given).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    Reply::Bytes(format!("HTTP/1.1 {status} Status\r\n{}\r\n{body}", head.concat()).into_bytes())
}

async fn answer(mut connection: TcpStream, reply: Reply, heard: Arc<Mutex<Vec<Request>>>) {
    let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
    let start = loop {
        let read = connection.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        received.extend_from_slice(&buffer[..read]);
        if let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&received[..start]).to_lowercase();
    let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    while received.len() < start + length {
        match connection.read(&mut buffer).await {
            Ok(read @ 1..) => received.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    heard.lock().unwrap().push((text, String::from_utf8_lossy(&received[start..]).into_owned()));
    let (Reply::Bytes(bytes) | Reply::Stall(bytes)) = &reply;
    // A client that has seen enough may have gone.
    let _ = connection.write_all(bytes).await;
    if matches!(reply, Reply::Stall(_)) {
        let _ = connection.read(&mut buffer).await;
    }
}
