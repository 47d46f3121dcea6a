//! What signs requests, and what the server compares signatures with.

use super::server::Request;
use object_store::client::{
    CryptoProvider, DigestAlgorithm, DigestContext, HmacContext, Signer, SigningAlgorithm,
};
use object_store::{Error, Result};
use sha2::{Digest, Sha256};
use std::fmt::Write;

const BLOCK: usize = 64;

/// For the client: the libraries that the feature `s3` takes for it are large, and do the same.
#[derive(Debug)]
pub(super) struct Crypto;

impl CryptoProvider for Crypto {
    fn digest(&self, _: DigestAlgorithm) -> Result<Box<dyn DigestContext>> {
        Ok(Box::new(Sum { outer: None, inner: Sha256::new(), out: [0; 32] }))
    }

    fn hmac(&self, _: DigestAlgorithm, secret: &[u8]) -> Result<Box<dyn HmacContext>> {
        let [inner, outer] = padded(secret).map(|key| Sha256::new().chain_update(key));
        Ok(Box::new(Sum { outer: Some(outer), inner, out: [0; 32] }))
    }

    fn sign(&self, _: SigningAlgorithm, _: &[u8]) -> Result<Box<dyn Signer>> {
        Err(Error::NotSupported { source: "no such keys here".into() })
    }
}

struct Sum {
    /// Of an HMAC.
    outer: Option<Sha256>,
    inner: Sha256,
    out: [u8; 32],
}

impl Sum {
    fn end(&mut self) -> &[u8] {
        self.out = self.inner.finalize_reset().into();
        if let Some(outer) = self.outer.take() {
            self.out = outer.chain_update(self.out).finalize().into();
        }
        &self.out
    }
}

impl DigestContext for Sum {
    fn update(&mut self, data: &[u8]) {
        Digest::update(&mut self.inner, data);
    }

    fn finish(&mut self) -> Result<&[u8]> {
        Ok(self.end())
    }
}

impl HmacContext for Sum {
    fn update(&mut self, data: &[u8]) {
        Digest::update(&mut self.inner, data);
    }

    fn finish(&mut self) -> Result<&[u8]> {
        Ok(self.end())
    }
}

/// The two keys of an HMAC.
fn padded(secret: &[u8]) -> [[u8; BLOCK]; 2] {
    let mut key = [0; BLOCK];
    if secret.len() > BLOCK {
        key[..32].copy_from_slice(&Sha256::digest(secret));
    } else {
        key[..secret.len()].copy_from_slice(secret);
    }
    [0x36, 0x5c].map(|pad| key.map(|byte| byte ^ pad))
}

fn hmac(secret: &[u8], data: &[u8]) -> [u8; 32] {
    let [inner, outer] = padded(secret);
    let inner = Sha256::new().chain_update(inner).chain_update(data).finalize();
    Sha256::new().chain_update(outer).chain_update(inner).finalize().into()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Why a request is refused: the code that S3 has for it.
pub(super) fn refusal(request: &Request, key_id: &str, secret: &str) -> Option<&'static str> {
    let Some(authorization) = request.header("authorization") else { return Some("AccessDenied") };
    let part = |name: &str| {
        let value = authorization.split_once(name)?.1;
        Some(value.split(',').next().unwrap().to_owned())
    };
    let [credential, signed, signature] =
        ["Credential=", "SignedHeaders=", "Signature="].map(|name| part(name).unwrap());
    let (id, scope) = credential.split_once('/').unwrap();
    if id != key_id {
        return Some("InvalidAccessKeyId");
    }
    let told = request.header("x-amz-content-sha256").unwrap();
    if told != "UNSIGNED-PAYLOAD" && told != sha256(&request.body) {
        return Some("XAmzContentSHA256Mismatch");
    }
    let mut headers = String::new();
    for name in signed.split(';') {
        writeln!(headers, "{name}:{}", request.header(name).unwrap().trim()).unwrap();
    }
    let mut query: Vec<_> =
        request.query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    query.sort_unstable();
    let (method, query) = (&request.method, query.join("&"));
    let canonical = format!("{method}\n{}\n{query}\n{headers}\n{signed}\n{told}", request.path);
    let date = request.header("x-amz-date").unwrap();
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let first = format!("AWS4{secret}").into_bytes();
    let key = scope.split('/').fold(first, |key, part| hmac(&key, part.as_bytes()).to_vec());
    (hex(&hmac(&key, text.as_bytes())) != signature).then_some("SignatureDoesNotMatch")
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            _ => write!(encoded, "%{byte:02X}").unwrap(),
        }
        encoded
    })
}
