//! A server on the loopback interface that speaks as much HTTP and S3 as an archive asks for, and can be told to fail.

use super::objects::{Answer, Objects};
use super::signature::refusal;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

pub(super) const KEY_ID: &str = "AKIATEST";
pub(super) const SECRET: &str = "a secret/of the test";
pub(super) const BUCKET: &str = "copies";

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It is answered with this status and code, and not done.
    Refused(u16, &'static str),
    /// It is not done, and the connection is closed.
    Lost,
    /// It is done, and the connection is closed.
    AnswerLost,
}

/// When it does.
#[derive(Default)]
struct Plan {
    trouble: Option<Trouble>,
    /// How many requests are left until then.
    left: u64,
    lasting: bool,
    happened: bool,
}

#[derive(Default)]
struct Shared {
    objects: Mutex<Objects>,
    plan: Mutex<Plan>,
    stop: AtomicBool,
}

/// The server. It ends when this is dropped.
pub(super) struct Server {
    shared: Arc<Shared>,
    pub(super) address: SocketAddr,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| &**value)
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| &**value)
    }
}

impl Server {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if own.stop.load(Ordering::SeqCst) {
                    return;
                }
                let (own, stream) = (Arc::clone(&own), stream.unwrap());
                thread::spawn(move || own.serve(&stream));
            }
        });
        Server { shared, address }
    }

    /// What is stored.
    pub(super) fn objects(&self) -> std::sync::MutexGuard<'_, Objects> {
        self.shared.objects.lock().unwrap()
    }

    /// Something goes wrong with the request of this number, from 1, and with all later ones if it lasts.
    pub(super) fn arm(&self, nth: u64, trouble: Trouble, lasting: bool) {
        *self.shared.plan.lock().unwrap() =
            Plan { trouble: Some(trouble), left: nth, lasting, happened: false };
    }

    /// Ends that. Whether anything went wrong.
    pub(super) fn disarm(&self) -> bool {
        std::mem::take(&mut *self.shared.plan.lock().unwrap()).happened
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    /// Answers the requests of a connection.
    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(request) = read(&mut reader) {
            let trouble = self.trouble();
            let answer = match trouble {
                Some(Trouble::Lost) => return,
                Some(Trouble::Refused(status, code)) => Answer::refused(status, code),
                Some(Trouble::AnswerLost) | None => self.answer(&request),
            };
            if trouble == Some(Trouble::AnswerLost) || write(stream, &request, &answer).is_err() {
                return;
            }
        }
    }

    fn trouble(&self) -> Option<Trouble> {
        let mut plan = self.plan.lock().unwrap();
        plan.trouble?;
        plan.left = plan.left.saturating_sub(1);
        if plan.left > 0 {
            return None;
        }
        plan.happened = true;
        if plan.lasting { plan.trouble } else { plan.trouble.take() }
    }

    fn answer(&self, request: &Request) -> Answer {
        if let Some(code) = refusal(request, KEY_ID, SECRET) {
            return Answer::refused(403, code);
        }
        let path = request.path.trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        if bucket != BUCKET {
            return Answer::refused(404, "NoSuchBucket");
        }
        self.objects.lock().unwrap().answer(request, key)
    }
}

/// A request; `None` at the end of the connection.
fn read(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|bytes| *bytes > 0)?;
    let mut words = first.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let query = pairs.map(|(name, value)| (decoded(name), decoded(value))).collect();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { method, path: path.to_owned(), query, headers, body: Vec::new() };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().replace('+', " ").into_bytes();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

fn write(mut stream: &TcpStream, request: &Request, answer: &Answer) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Answer\r\nContent-Length: {}\r\n", answer.status, answer.body.len());
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    if request.method != "HEAD" {
        bytes.extend_from_slice(&answer.body);
    }
    stream.write_all(&bytes)
}
