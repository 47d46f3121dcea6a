//! HTTP as plain as it is: for the tests of every change. With the feature `s3` they go over what programs go over.

use async_trait::async_trait;
use http::request::Parts;
use http_body_util::BodyExt;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::{ClientOptions, Result};
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

#[derive(Debug)]
pub(super) struct Plain;

impl HttpConnector for Plain {
    fn connect(&self, _: &ClientOptions) -> Result<HttpClient> {
        Ok(HttpClient::new(Plain))
    }
}

#[async_trait]
impl HttpService for Plain {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let to = parts.uri.authority().unwrap().as_str();
        let stream = TcpStream::connect(to).map_err(|error| HttpError::new(HttpErrorKind::Connect, error))?;
        exchange(&stream, &parts, &body).map_err(|error| HttpError::new(HttpErrorKind::Request, error))
    }
}

fn exchange(mut stream: &TcpStream, parts: &Parts, body: &[u8]) -> io::Result<HttpResponse> {
    let target = parts.uri.path_and_query().unwrap();
    let mut head = format!("{} {target} HTTP/1.1\r\n", parts.method);
    write!(head, "Host: {}\r\nConnection: close\r\n", parts.uri.authority().unwrap()).unwrap();
    for (name, value) in parts.headers.iter().filter(|(name, _)| *name != http::header::CONTENT_LENGTH) {
        write!(head, "{name}: {}\r\n", value.to_str().unwrap()).unwrap();
    }
    write!(head, "Content-Length: {}\r\n\r\n", body.len()).unwrap();
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;

    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    let next = |line: &mut String, reader: &mut BufReader<&TcpStream>| {
        line.clear();
        match reader.read_line(line)? {
            0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            _ => Ok(()),
        }
    };
    next(&mut line, &mut reader)?;
    let mut response = http::Response::builder().status(line.split(' ').nth(1).unwrap());
    let mut length = 0;
    loop {
        next(&mut line, &mut reader)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        if name == "Content-Length" {
            length = value.parse().unwrap();
        }
        response = response.header(name, value);
    }
    let mut body = vec![0; if parts.method == http::Method::HEAD { 0 } else { length }];
    reader.read_exact(&mut body)?;
    Ok(response.body(body.into()).unwrap())
}
