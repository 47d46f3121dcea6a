//! Events as variants of an enum.

use annals::{
    ContentType, DomainEvent, Event, EventError, EventRef, NewEvent, PayloadRef, Position, Tags, Timestamp,
    Uuid, Version,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Happened {
    Nothing,
    SingleValue(u64),
    Optional(Option<String>),
    Pair(i8, String),
    #[serde(alias = "fields-of-old")]
    Fields {
        a: f64,
        #[serde(default)]
        b: Vec<u8>,
    },
    #[serde(rename = "named by hand")]
    Named {
        inner: Inner,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Inner {
    X { x: u8 },
    Y,
}

fn stored<'a>(event_type: &'a str, content_type: ContentType, data: &'a [u8]) -> EventRef<'a> {
    EventRef {
        position: Position::FIRST,
        stream: "s",
        version: Version::FIRST,
        id: Uuid::nil(),
        event_type,
        recorded_at: Timestamp::EPOCH,
        occurred_at: Timestamp::EPOCH,
        tags: Tags::default(),
        schema_version: 1,
        content_type,
        payload: PayloadRef::plain(data, b""),
    }
}

fn json(event_type: &str, data: &str) -> Result<Happened, EventError> {
    Happened::from_stored(&stored(event_type, ContentType::JSON, data.as_bytes()))
}

#[test]
fn the_variant_is_the_type_and_its_content_the_data() {
    let cases: [(Happened, &str, &str); 8] = [
        (Happened::Nothing, "nothing", "{}"),
        (Happened::SingleValue(u64::MAX), "single-value", "18446744073709551615"),
        (Happened::Optional(None), "optional", "null"),
        (Happened::Optional(Some("x".into())), "optional", "\"x\""),
        (Happened::Pair(-1, "é\n".into()), "pair", "[-1,\"é\\n\"]"),
        (Happened::Fields { a: 0.1, b: vec![1, 2] }, "fields", r#"{"a":0.1,"b":[1,2]}"#),
        (Happened::Named { inner: Inner::X { x: 7 } }, "named by hand", r#"{"inner":{"kind":"X","x":7}}"#),
        (Happened::Named { inner: Inner::Y }, "named by hand", r#"{"inner":{"kind":"Y"}}"#),
    ];
    for (event, event_type, data) in cases {
        let new = event.to_new().unwrap();
        assert_eq!((&*new.event_type, std::str::from_utf8(&new.data).unwrap()), (event_type, data));
        assert_eq!(new.content_type, ContentType::JSON);
        assert_eq!(json(event_type, data).unwrap(), event);
    }
}

#[test]
fn what_serde_allows_is_allowed() {
    let fields = Happened::Fields { a: 1.0, b: vec![] };
    assert_eq!(json("fields-of-old", r#" {"more":[{}],"a":1} "#).unwrap(), fields);
    assert_eq!(json("nothing", r#"{"given":"since"}"#).unwrap(), Happened::Nothing);
    assert_eq!(json("nothing", "").unwrap(), Happened::Nothing);
    assert_eq!(json("optional", "").unwrap(), Happened::Optional(None));
}

#[test]
fn events_that_are_not_understood_say_why() {
    let why = |event_type: &str, data: &str| json(event_type, data).unwrap_err().to_string();
    assert!(why("unheard-of", "{}").contains("unknown variant `unheard-of`, expected one of `nothing`"));
    assert!(why("fields", "{}").contains("missing field `a`"));
    assert!(why("single-value", "1 2").contains("trailing characters"));
    assert!(why("single-value", "-1").contains("invalid value"));
    assert!(why("pair", "[1,").contains("EOF"));
    let binary = stored("single-value", ContentType::BINARY, b"1");
    assert!(Happened::from_stored(&binary).unwrap_err().to_string().contains("not JSON"));
}

#[test]
fn types_that_are_not_known_may_be_taken_for_one() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Few {
        Known(u8),
        #[serde(other)]
        Unknown,
    }
    let read = |event_type, data: &'static [u8]| {
        Few::from_stored(&stored(event_type, ContentType::JSON, data)).unwrap()
    };
    assert_eq!(read("Known", b"7"), Few::Known(7));
    assert_eq!(read("Elsewhere", b"{\"a\":[1]}"), Few::Unknown);
}

#[test]
fn what_has_no_variant_of_its_own_is_no_event() {
    #[derive(Serialize, Deserialize)]
    struct Plain {
        a: u8,
    }
    #[derive(Serialize, Deserialize)]
    #[serde(tag = "type")]
    enum Tagged {
        A { a: u8 },
    }
    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        A(u8),
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wrapped(Happened);
    let errors = [
        Plain { a: 1 }.to_new().unwrap_err(),
        Tagged::A { a: 1 }.to_new().unwrap_err(),
        Untagged::A(1).to_new().unwrap_err(),
        "text".to_owned().to_new().unwrap_err(),
        vec![1].to_new().unwrap_err(),
        Plain::from_stored(&stored("Plain", ContentType::JSON, b"{\"a\":1}")).err().unwrap(),
        Tagged::from_stored(&stored("A", ContentType::JSON, b"{\"a\":1}")).err().unwrap(),
    ];
    for error in errors {
        assert!(error.to_string().contains("enum"), "{error}");
    }
    let wrapped = Wrapped(Happened::SingleValue(1));
    let new = wrapped.to_new().unwrap();
    assert_eq!(&*new.event_type, "single-value");
    assert_eq!(Wrapped::from_stored(&stored("single-value", ContentType::JSON, b"1")).unwrap(), wrapped);
}

/// Events that are no JSON, and are taken as they are.
#[test]
fn a_type_may_say_by_itself_how_it_is_stored() {
    struct Raw(Event);
    impl DomainEvent for Raw {
        fn to_new(&self) -> Result<NewEvent<'static>, EventError> {
            Ok(NewEvent::new(self.0.event_type.clone(), self.0.data().unwrap().to_vec()))
        }
        fn from_stored(event: &EventRef<'_>) -> Result<Self, EventError> {
            if event.data()?.len() > 3 { Err(EventError::new("too long")) } else { Ok(Raw(event.to_event())) }
        }
    }
    let raw = Raw::from_stored(&stored("t", ContentType::BINARY, b"\xff\x00")).unwrap();
    assert_eq!(&*raw.to_new().unwrap().data, b"\xff\x00");
    assert!(Raw::from_stored(&stored("t", ContentType::BINARY, b"long")).is_err());
}
