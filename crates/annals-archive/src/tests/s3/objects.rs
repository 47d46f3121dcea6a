//! The objects of a bucket, and what S3 does with them.

use super::server::Request;
use super::signature::sha256;
use std::collections::BTreeMap;

/// A list has at most so many names; the rest is on the next page.
const NAMES_IN_A_PAGE: usize = 2;
/// All parts but the last have to have as many bytes.
const PART_BYTES_MIN: usize = 5 << 20;

/// What becomes of the condition that there is no object of that name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Conditions {
    #[default]
    Kept,
    /// As by servers that do not know the header.
    Ignored,
    /// As by servers that know that they cannot.
    Refused,
}

#[derive(Default)]
pub(super) struct Objects {
    pub(super) there: BTreeMap<String, Vec<u8>>,
    uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    pub(super) conditions: Conditions,
    /// How many uploads in parts were completed.
    pub(super) completed: usize,
    /// How many lists had another page.
    pub(super) pages: usize,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    fn ok(body: impl Into<Vec<u8>>) -> Self {
        Answer { status: 200, headers: Vec::new(), body: body.into() }
    }

    pub(super) fn refused(status: u16, code: &str) -> Self {
        let body = format!("<Error><Code>{code}</Code><Message>told to</Message></Error>");
        Answer { status, ..Answer::ok(body) }
    }

    fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

impl Objects {
    pub(super) fn answer(&mut self, request: &Request, key: &str) -> Answer {
        match (&*request.method, request.query("uploadId")) {
            ("GET", _) if key.is_empty() => self.list(request),
            ("GET" | "HEAD", _) => self.get(request, key),
            ("PUT", None) => self.put(request, key),
            ("DELETE", None) => {
                self.there.remove(key);
                Answer { status: 204, ..Answer::ok("") }
            }
            ("POST", None) if request.query("uploads").is_some() => {
                let id = format!("upload-{}", self.completed + self.uploads.len());
                let body = format!(
                    "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
                );
                self.uploads.insert(id, BTreeMap::new());
                Answer::ok(body)
            }
            ("PUT", Some(id)) => self.put_part(request, id),
            ("POST", Some(id)) => self.complete(request, key, id),
            ("DELETE", Some(id)) => {
                self.uploads.remove(id);
                Answer { status: 204, ..Answer::ok("") }
            }
            _ => Answer::refused(405, "MethodNotAllowed"),
        }
    }

    fn put(&mut self, request: &Request, key: &str) -> Answer {
        if request.header("if-none-match") == Some("*") {
            match self.conditions {
                Conditions::Kept if self.there.contains_key(key) => {
                    return Answer::refused(412, "PreconditionFailed");
                }
                Conditions::Refused => return Answer::refused(501, "NotImplemented"),
                Conditions::Kept | Conditions::Ignored => {}
            }
        }
        let tag = tag(&request.body);
        self.there.insert(key.to_owned(), request.body.clone());
        Answer::ok("").with("ETag", tag)
    }

    fn get(&self, request: &Request, key: &str) -> Answer {
        let Some(object) = self.there.get(key) else { return Answer::refused(404, "NoSuchKey") };
        let answer = match request.header("range").and_then(|range| range.strip_prefix("bytes=")) {
            None => Answer::ok(object.clone()),
            Some(range) => {
                let (from, last) = range.split_once('-').unwrap();
                let (from, last): (usize, usize) = (from.parse().unwrap(), last.parse().unwrap());
                let end = (last + 1).min(object.len());
                let range = format!("bytes {from}-{}/{}", end - 1, object.len());
                Answer { status: 206, ..Answer::ok(&object[from..end]) }.with("Content-Range", range)
            }
        };
        answer.with("ETag", tag(object)).with("Last-Modified", "Mon, 30 Nov 2026 12:00:00 GMT")
    }

    fn list(&mut self, request: &Request) -> Answer {
        let prefix = request.query("prefix").unwrap_or("");
        let after = request.query("continuation-token").unwrap_or("");
        assert_eq!((request.query("list-type"), request.query("delimiter")), (Some("2"), Some("/")));
        let own = |key: &&String| {
            key.starts_with(prefix) && !key[prefix.len()..].contains('/') && key.as_str() > after
        };
        let mut keys: Vec<_> = self.there.keys().filter(own).take(NAMES_IN_A_PAGE + 1).collect();
        let more = keys.len() > NAMES_IN_A_PAGE;
        keys.truncate(NAMES_IN_A_PAGE);
        let mut body = format!("<ListBucketResult><IsTruncated>{more}</IsTruncated>");
        for key in &keys {
            let object = &self.there[*key];
            body.push_str(&format!(
                "<Contents><Key>{key}</Key><Size>{}</Size><ETag>{}</ETag>\
                <LastModified>2026-11-30T12:00:00.000Z</LastModified></Contents>",
                object.len(),
                tag(object)
            ));
        }
        if let Some(last) = keys.last().filter(|_| more) {
            body.push_str(&format!("<NextContinuationToken>{last}</NextContinuationToken>"));
        }
        self.pages += usize::from(more);
        Answer::ok(body + "</ListBucketResult>")
    }

    fn put_part(&mut self, request: &Request, id: &str) -> Answer {
        let Some(upload) = self.uploads.get_mut(id) else { return Answer::refused(404, "NoSuchUpload") };
        let number = request.query("partNumber").unwrap().parse().unwrap();
        upload.insert(number, request.body.clone());
        Answer::ok("").with("ETag", tag(&request.body))
    }

    fn complete(&mut self, request: &Request, key: &str, id: &str) -> Answer {
        let Some(parts) = self.uploads.remove(id) else { return Answer::refused(404, "NoSuchUpload") };
        let told = String::from_utf8(request.body.clone()).unwrap();
        let numbers = told.split("<PartNumber>").skip(1);
        let numbers: Vec<u32> =
            numbers.map(|rest| rest.split('<').next().unwrap().parse().unwrap()).collect();
        assert_eq!(numbers, Vec::from_iter(parts.keys().copied()));
        if parts.values().rev().skip(1).any(|part| part.len() < PART_BYTES_MIN) {
            return Answer::refused(400, "EntityTooSmall");
        }
        let object = parts.into_values().collect::<Vec<_>>().concat();
        let tag = tag(&object);
        self.there.insert(key.to_owned(), object);
        self.completed += 1;
        Answer::ok(format!(
            "<CompleteMultipartUploadResult><ETag>{tag}</ETag></CompleteMultipartUploadResult>"
        ))
    }
}

fn tag(object: &[u8]) -> String {
    format!("\"{}\"", &sha256(object)[..32])
}
