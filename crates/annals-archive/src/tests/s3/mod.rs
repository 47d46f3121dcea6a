//! Archives in S3: the client that programs have, and a server beside the test, on the loopback interface.

mod objects;
#[cfg(not(feature = "s3"))]
mod plain;
mod server;
mod signature;

use super::{Place, at};
use crate::archive::Archive;
use crate::error::ArchiveError;
use annals::{Options, RestoreTo};
use object_store::aws::AmazonS3Builder;
use object_store::{BackoffConfig, RetryConfig};
use objects::Conditions;
use server::{BUCKET, KEY_ID, SECRET, Server, Trouble};
use std::sync::Arc;
use std::time::Duration;

/// How often the client tries again by itself.
const RETRIES: usize = 2;

fn builder(server: &Server, retries: usize) -> AmazonS3Builder {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(1),
        max_backoff: Duration::from_millis(2),
        base: 2.0,
    };
    let builder = AmazonS3Builder::new();
    #[cfg(not(feature = "s3"))]
    let builder = builder.with_http_connector(plain::Plain);
    builder
        .with_endpoint(format!("http://{}", server.address))
        .with_allow_http(true)
        // Whatever the environment has for others.
        .with_proxy_url("http://127.0.0.1:1")
        .with_proxy_excludes("127.0.0.1")
        .with_region("here")
        .with_access_key_id(KEY_ID)
        .with_secret_access_key(SECRET)
        .with_crypto_provider(Arc::new(signature::Crypto))
        .with_retry(RetryConfig { backoff, max_retries: retries, ..RetryConfig::default() })
}

fn at_bucket(builder: AmazonS3Builder, bucket: &str) -> Archive {
    crate::s3::with(builder, &format!("s3://{bucket}/some/where"), &format!("{bucket}/some/where/")).unwrap()
}

fn archive(server: &Server) -> Archive {
    at_bucket(builder(server, RETRIES), BUCKET)
}

/// An error with its causes.
fn in_words(error: &ArchiveError) -> String {
    let errors = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[test]
fn a_store_is_shipped_to_s3_and_restored_to_any_moment() {
    let (place, server) = (Place::new(), Server::start());
    let archive = archive(&server);
    let mut shipment = place.shipment(&archive, "staging");
    for _ in 0..4 {
        place.append(15);
        shipment.ship().unwrap();
        assert!(place.restored(&archive, RestoreTo::End) == place.events());
    }
    let part = place.restored(&archive, at(30));
    assert!(place.events().starts_with(&part) && (28..=30).contains(&part.len()));
    let status = archive.status().unwrap();
    assert_eq!(status.position, place.store.last_position());
    let objects = server.objects();
    assert!(objects.pages > 0, "lists had several pages");
    let stretches = objects.there.keys().filter(|key| key.starts_with("some/where/objects/")).count() as u64;
    assert_eq!(stretches, status.objects, "nothing else is there");
}

#[test]
fn a_large_segment_is_uploaded_to_s3_in_parts() {
    let server = Server::start();
    let directory = tempfile::tempdir().unwrap();
    let store = Options::new().background(false).open(directory.path().join("store")).unwrap();
    let place = Place { directory, store };
    let archive = archive(&server);
    for number in 0..20u64 {
        let data = vec![number as u8; 1 << 20];
        place.store.append("s", annals::Expected::Any, &[annals::NewEvent::new("t", data)]).unwrap();
    }
    place.shipment(&archive, "staging").ship().unwrap();
    assert_eq!(server.objects().completed, 1);
    assert!(place.restored(&archive, RestoreTo::End) == place.events());
}

#[test]
fn of_two_who_ship_to_s3_the_later_one_goes_on() {
    let (place, server) = (Place::new(), Server::start());
    let (one, other) = (archive(&server), archive(&server));
    let (mut first, mut second) = (place.shipment(&one, "one"), place.shipment(&other, "other"));
    place.append(5);
    first.ship().unwrap();
    place.append(5);
    second.ship().unwrap();
    place.append(5);
    for _ in 0..2 {
        let refused = first.ship();
        assert!(matches!(refused, Err(ArchiveError::Fenced { .. })), "{refused:?}");
    }
    second.ship().unwrap();
    assert!(place.restored(&one, RestoreTo::End) == place.events());
}

/// Ships while something goes wrong with the nth request. Whether anything did, and whether it was shipped all the same.
fn ship_in(trouble: Trouble, nth: u64, lasting: bool, retries: usize) -> (bool, bool) {
    let (place, server) = (Place::new(), Server::start());
    let archive = at_bucket(builder(&server, retries), BUCKET);
    let mut shipment = place.shipment(&archive, "staging");
    place.append(6);
    let old = place.events();
    shipment.ship().unwrap();
    place.append(12);
    server.arm(nth, trouble, lasting);
    let result = shipment.ship();
    let happened = server.disarm();
    let context = format!("{trouble:?} {nth} {lasting} {retries}: {result:?}");
    let there = place.restored(&archive, RestoreTo::End);
    let new = there == place.events();
    assert!(new || (result.is_err() && there == old), "{context}");
    // The same one goes on: it is not fenced off by what it has done itself.
    place.append(2);
    shipment.ship().unwrap_or_else(|error| panic!("{context}: then {error:?}"));
    assert!(place.restored(&archive, RestoreTo::End) == place.events(), "{context}");
    (happened, result.is_ok())
}

#[test]
fn whatever_goes_wrong_with_a_request_to_s3_for_a_moment_is_tried_again() {
    let busy = Trouble::Refused(503, "SlowDown");
    for trouble in [Trouble::Refused(500, "InternalError"), busy, Trouble::Lost, Trouble::AnswerLost] {
        let mut nth = 1;
        loop {
            let (happened, shipped) = ship_in(trouble, nth, false, RETRIES);
            assert!(shipped, "{trouble:?} {nth}");
            if !happened {
                break;
            }
            nth += 1;
        }
        assert!(nth > 4, "{trouble:?}: {nth} requests");
    }
}

#[test]
fn what_goes_wrong_with_s3_for_long_leaves_the_old_state_or_the_new_one() {
    let mut failed = 0;
    for (lasting, retries) in [(true, RETRIES), (false, 0)] {
        for trouble in [Trouble::Refused(503, "SlowDown"), Trouble::AnswerLost] {
            for nth in 1.. {
                let (happened, shipped) = ship_in(trouble, nth, lasting, retries);
                failed += usize::from(!shipped);
                if !happened {
                    break;
                }
            }
        }
    }
    assert!(failed > 8, "{failed}");
}

#[test]
fn a_restore_from_s3_goes_on_after_what_goes_wrong_for_a_moment() {
    let (place, server) = (Place::new(), Server::start());
    let archive = archive(&server);
    place.append(70);
    place.shipment(&archive, "staging").ship().unwrap();
    for trouble in [Trouble::Refused(500, "InternalError"), Trouble::Lost] {
        for nth in 1.. {
            server.arm(nth, trouble, false);
            assert!(place.restored(&archive, RestoreTo::End) == place.events(), "{trouble:?} {nth}");
            if !server.disarm() {
                assert!(nth > 5);
                break;
            }
        }
    }
}

#[test]
fn wrong_credentials_and_a_bucket_that_is_not_there_are_told() {
    let (place, server) = (Place::new(), Server::start());
    place.append(5);
    let wrong_id = at_bucket(builder(&server, 0).with_access_key_id("AKIAOTHER"), BUCKET);
    let wrong_secret = at_bucket(builder(&server, 0).with_secret_access_key("guessed"), BUCKET);
    let no_bucket = at_bucket(builder(&server, 0), "elsewhere");
    let cases = [
        (&wrong_id, "InvalidAccessKeyId", "refuses the credentials"),
        (&wrong_secret, "SignatureDoesNotMatch", "refuses the credentials"),
        (&no_bucket, "NoSuchBucket", "the bucket is not"),
    ];
    for (archive, code, advice) in cases {
        let shipped = place.shipment(archive, "staging").ship().unwrap_err();
        let status = archive.status().unwrap_err();
        for error in [shipped, status] {
            let words = in_words(&error);
            assert!(words.contains(code) && words.contains(advice), "{words}");
            assert!(!words.contains(SECRET) && !words.contains("guessed"), "{words}");
        }
    }
    assert!(server.objects().there.is_empty());
    for url in ["s3://", "s3:///prefix"] {
        assert!(matches!(Archive::at(url), Err(ArchiveError::Address { .. })), "{url}");
    }
}

#[test]
fn a_server_that_does_not_keep_conditions_is_noticed_before_anything_is_shipped() {
    let (place, server) = (Place::new(), Server::start());
    let archive = archive(&server);
    place.append(5);
    server.objects().conditions = Conditions::Ignored;
    for _ in 0..2 {
        let refused = place.shipment(&archive, "staging").ship();
        assert!(matches!(refused, Err(ArchiveError::Unconditional { .. })), "{refused:?}");
    }
    assert!(server.objects().there.is_empty());
    server.objects().conditions = Conditions::Refused;
    let words = in_words(&place.shipment(&archive, "staging").ship().unwrap_err());
    assert!(words.contains("NotImplemented"), "{words}");
    assert!(server.objects().there.is_empty());
    server.objects().conditions = Conditions::Kept;
    place.shipment(&archive, "staging").ship().unwrap();
    assert!(place.restored(&archive, RestoreTo::End) == place.events());
}
