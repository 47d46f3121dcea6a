//! Random operations and random questions: the store answers as the model does.

use crate::common::{START, World, verified};
use crate::model::{Fact, Model, Moment, Proposal, Question, Verdict, tally};
use annals::vfs::MemoryDisk;
use annals::{AsOf, Clock, Expected, Position, Query, Store, Timestamp, Uuid, Version, View};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const LONG: &str = "long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name";
const STREAMS: &[&str] = &[
    "a-1",
    "a-2",
    "a",
    "A-1",
    "b-1",
    "b-2",
    "-",
    "../x",
    "a\0b-1",
    "\u{e9}-1",
    "e\u{301}-1",
    "\u{1f980}",
    LONG,
];
const TYPES: &[&str] = &["t", "u", "T", "\u{e9}"];
const TAGS: &[&str] = &["x", "y", "x:1", "\u{e9}"];
const PREFIXES: &[&str] = &["", "a", "a-", "a-1", "b", ".", "\u{e9}", "long", "zz"];
const CATEGORIES: &[&str] = &["a", "b", "", "A", "long", "none", "\u{e9}"];
/// Times to say and to ask for; some lie on what the clock shows.
const TIMES: &[i64] =
    &[i64::MIN, i64::MIN + 1, -5, -1, 0, 7, START - 1, START, START + 1, START + 50, i64::MAX];

#[derive(Clone, Debug)]
enum Op {
    Append(Proposal, Vec<(&'static str, Expectation)>),
    /// The n-th proposal before once more.
    Repeat(usize),
    Clock(i64),
    Maintain,
    /// Opened again, perhaps without having been closed.
    Reopen {
        closed: bool,
    },
}

/// What is said of a stream, relative to what it is.
#[derive(Clone, Copy, Debug)]
enum Expectation {
    Plain(Expected),
    Current,
    Off(u64),
}

fn some<T: Copy + std::fmt::Debug + 'static>(from: &'static [T]) -> impl Strategy<Value = T> {
    select(from)
}

fn fact() -> impl Strategy<Value = Fact> {
    let id = prop_oneof![3 => Just(None), 2 => (1..12u128).prop_map(Some)];
    let bytes = prop_oneof![4 => 0..40usize, 1 => 1000..5000usize];
    let occurred = prop_oneof![1 => Just(None), 1 => some(TIMES).prop_map(Some)];
    let rest = (vec(some(TAGS), 0..3), 0..3u32, 0..20usize, bytes, any::<u8>());
    (some(STREAMS), some(TYPES), id, occurred, rest).prop_map(
        |(stream, event_type, id, occurred, (tags, schema_version, metadata, bytes, byte))| Fact {
            stream: stream.into(),
            event_type: event_type.into(),
            id: id.map(Uuid::from_u128),
            occurred,
            tags: tags.into_iter().map(str::to_owned).collect(),
            schema_version,
            metadata: vec![byte; metadata],
            data: vec![byte; bytes],
        },
    )
}

fn expectation() -> impl Strategy<Value = Expectation> {
    use Expectation::{Current, Off, Plain};
    prop_oneof![
        4 => Just(Current),
        1 => (0..3u64).prop_map(Off),
        3 => some(&[Expected::Any, Expected::StreamExists, Expected::NoStream]).prop_map(Plain),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let append = (vec(fact(), 0..6), vec((some(STREAMS), expectation()), 0..3));
    prop_oneof![
        10 => append.prop_map(|(facts, said)| Op::Append(Proposal { facts, expected: vec![] }, said)),
        2 => (0..6usize).prop_map(Op::Repeat),
        2 => some(&[-100i64, 0, 1, 25, 1000]).prop_map(Op::Clock),
        2 => Just(Op::Maintain),
        1 => any::<bool>().prop_map(|closed| Op::Reopen { closed }),
    ]
}

fn question() -> impl Strategy<Value = Question> {
    let sometimes = |share: f64, to: u64| prop::option::weighted(share, 0..to);
    let time = || (some(&[Clock::Occurred, Clock::Recorded]), some(TIMES));
    let place = (sometimes(0.2, 60), sometimes(0.2, 60), sometimes(0.2, 8), sometimes(0.2, 8));
    let names = (vec(some(TYPES), 0..3), vec(some(TAGS), 0..3));
    let streams = (
        prop::option::weighted(0.3, some(STREAMS)),
        prop::option::weighted(0.2, some(CATEGORIES)),
        prop::option::weighted(0.2, some(PREFIXES)),
    );
    let rest = (vec(time(), 0..2), vec(time(), 0..2), any::<bool>(), sometimes(0.3, 6));
    (place, names, streams, rest).prop_map(
        |(
            (from, to, low, high),
            (types, tags),
            (stream, category, prefix),
            (since, until, backwards, limit),
        )| {
            let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
            Question {
                stream: stream.map(str::to_owned),
                positions: (from, to),
                versions: (low, high),
                types: owned(types),
                tags: owned(tags),
                category: category.map(str::to_owned),
                prefix: prefix.map(str::to_owned),
                since,
                until,
                backwards,
                limit,
            }
        },
    )
}

fn moment() -> impl Strategy<Value = Moment> {
    let time = || prop::option::weighted(0.4, some(TIMES));
    (prop::option::weighted(0.4, 0..60u64), time(), time())
        .prop_map(|(position, recorded, occurred)| Moment { position, recorded, occurred })
}

/// Does the operations on both sides, and compares each outcome.
fn run(world: &World, ops: &[Op]) -> (Model, Store) {
    let mut model = Model::default();
    let mut store = world.open();
    let (mut now, mut last) = (START, i64::MIN);
    let mut proposals: Vec<Proposal> = Vec::new();
    for op in ops {
        match op {
            Op::Append(proposal, said) => {
                let mut proposal = proposal.clone();
                for (stream, expectation) in said {
                    let version = model.version(stream);
                    let expected = match *expectation {
                        Expectation::Plain(expected) => expected,
                        Expectation::Current => Expected::Exact(Version::new(version)),
                        Expectation::Off(by) => Expected::Exact(Version::new(version + by)),
                    };
                    if proposal.expected.iter().all(|(name, _)| name != stream) {
                        proposal.expected.push(((*stream).into(), expected));
                    }
                }
                last = append(&store, &mut model, &proposal, now, last);
                proposals.push(proposal);
            }
            Op::Repeat(back) => {
                if let Some(proposal) = proposals.iter().rev().nth(*back).cloned() {
                    last = append(&store, &mut model, &proposal, now, last);
                }
            }
            Op::Clock(by) => {
                now += by;
                world.clock.set(Timestamp::from_nanos(now));
            }
            Op::Maintain => store.maintain().unwrap(),
            Op::Reopen { closed: true } => {
                store.close().unwrap();
                store = world.open();
                assert!(store.recovery().clean);
            }
            Op::Reopen { closed: false } => {
                let killed = world.disk().crash(annals::vfs::Survival::All);
                drop(store);
                world.replace(killed);
                store = world.open();
            }
        }
    }
    (model, store)
}

/// Returns the latest recorded_at.
fn append(store: &Store, model: &mut Model, proposal: &Proposal, now: i64, last: i64) -> i64 {
    let expected = model.judge(proposal);
    let result = store.append_batch(proposal.batch());
    assert_eq!(Verdict::of(&result), expected, "{proposal:?}");
    let Ok(appended) = result else { return last };
    assert_eq!(appended.last_position.get() + 1, appended.first_position.get() + proposal.facts.len() as u64);
    if appended.already_applied {
        let first = &model.events[usize::try_from(appended.first_position.get()).unwrap() - 1];
        assert_eq!(appended.recorded_at, first.recorded_at);
        return last;
    }
    let recorded = now.max(last);
    assert_eq!(appended.recorded_at.as_nanos(), recorded);
    let view = store.view();
    model.append(proposal, appended.recorded_at, |position| {
        view.event_at(Position::new(position)).unwrap().unwrap().id
    });
    recorded
}

/// Asks both sides everything.
fn compare(store: &Store, model: &Model, questions: &[(Question, Moment)]) {
    let all: Vec<_> = model.events.iter().collect();
    let view = store.view();
    assert_eq!(view.position().get(), all.len() as u64);
    let read = view.read(Query::all()).unwrap().map(|event| event.unwrap().to_event());
    assert!(read.eq(model.events.iter().cloned()));
    for event in &model.events {
        let first = model.events.iter().find(|other| other.id == event.id).unwrap();
        assert_eq!(view.event(event.id).unwrap().unwrap().to_event(), *first);
        assert_eq!(view.event_at(event.position).unwrap().unwrap().to_event(), *event);
    }
    assert_eq!(view.event(Uuid::from_u128(0xFFFF)).unwrap(), None);
    assert_eq!(view.event_at(Position::ZERO).unwrap(), None);
    assert_eq!(view.event_at(view.position().next()).unwrap(), None);
    compare_lists(&view, &all);
    for (question, moment) in questions {
        let view = view_of(&view, moment);
        let seen = model.seen(moment);
        let found = view.read(question.query()).unwrap().map(|event| event.unwrap().to_event());
        assert_eq!(found.collect::<Vec<_>>(), question.answer(&seen), "{question:?} as of {moment:?}");
        compare_lists(&view, &seen);
        for event in &model.events {
            let first = seen.iter().find(|other| other.id == event.id);
            let found = view.event(event.id).unwrap().map(|event| event.position);
            assert_eq!(found, first.map(|event| event.position), "{moment:?}");
        }
    }
    compare_stats(store, model);
}

fn view_of(view: &View, moment: &Moment) -> View {
    let mut view = view.clone();
    if let Some(time) = moment.occurred {
        view = view.as_of(AsOf::Occurred(Timestamp::from_nanos(time))).unwrap();
    }
    if let Some(position) = moment.position {
        view = view.as_of(AsOf::Position(Position::new(position))).unwrap();
    }
    if let Some(time) = moment.recorded {
        view = view.as_of(AsOf::Recorded(Timestamp::from_nanos(time))).unwrap();
    }
    view
}

fn compare_lists(view: &View, seen: &[&annals::Event]) {
    let streams = tally(seen, |event| &event.stream);
    for prefix in PREFIXES {
        let listed: Vec<_> = view.streams(prefix).map(Result::unwrap).collect();
        let listed: Vec<_> =
            listed.iter().map(|s| (s.stream.as_str(), (s.events, s.last_version.get()))).collect();
        let wanted = streams.iter().filter(|(name, _)| name.starts_with(prefix));
        assert_eq!(listed, wanted.map(|(name, tally)| (*name, *tally)).collect::<Vec<_>>(), "{prefix:?}");
    }
    for name in STREAMS {
        let info = view.stream(name).unwrap().map(|info| (info.events, info.last_version.get()));
        assert_eq!(info, streams.get(name).copied(), "{name:?}");
    }
    let types = view.types().unwrap();
    let types: Vec<_> = types.iter().map(|info| (info.event_type.as_str(), info.events)).collect();
    let wanted = tally(seen, |event| &event.event_type);
    assert_eq!(types, wanted.into_iter().map(|(name, (count, _))| (name, count)).collect::<Vec<_>>());
}

fn compare_stats(store: &Store, model: &Model) {
    let stats = store.stats().unwrap();
    let all: Vec<_> = model.events.iter().collect();
    assert_eq!(stats.events, all.len() as u64);
    assert_eq!(stats.last_position.get(), all.len() as u64);
    assert_eq!(stats.durable_position, stats.last_position);
    assert_eq!(stats.streams, tally(&all, |event| &event.stream).len() as u64);
    assert_eq!(stats.types, tally(&all, |event| &event.event_type).len() as u64);
    let recorded = model.events.iter().map(|event| event.recorded_at);
    assert_eq!((stats.first_recorded, stats.last_recorded), (recorded.clone().min(), recorded.max()));
    let occurred = model.events.iter().map(|event| event.occurred_at);
    assert_eq!((stats.first_occurred, stats.last_occurred), (occurred.clone().min(), occurred.max()));
}

fn cases(number: u32) -> ProptestConfig {
    ProptestConfig {
        cases: number,
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..ProptestConfig::default()
    }
}

fn script() -> impl Strategy<Value = (Vec<Op>, Vec<(Question, Moment)>)> {
    (vec(op(), 1..60), vec((question(), moment()), 40))
}

proptest! {
    #![proptest_config(cases(120))]

    #[test]
    fn every_answer_is_the_models(script in script()) {
        let world = World::new(1);
        let (model, store) = run(&world, &script.0);
        compare(&store, &model, &script.1);
        store.close().unwrap();
        let store = world.open();
        compare(&store, &model, &script.1);
        store.maintain().unwrap();
        compare(&store, &model, &script.1);
        drop(store);
        assert_eq!(verified(&world.disk()), Vec::<String>::new());
        let reader = world.options().read_only(true).open("memory").unwrap();
        compare(&reader, &model, &script.1);
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn answers_are_the_same_without_and_with_damaged_index_files(
        script in script(),
        flips in vec((any::<usize>(), any::<usize>(), any::<u32>()), 1..6),
        read_only in any::<bool>(),
    ) {
        let world = World::new(2);
        let (model, store) = run(&world, &script.0);
        store.maintain().unwrap();
        store.close().unwrap();
        let runs = world.files("index/");
        for (run, offset, bit) in &flips {
            if !runs.is_empty() {
                let run = &runs[run % runs.len()];
                let length = world.disk().image()[run].len();
                world.flip(run, offset % length, *bit);
            }
        }
        let store = world.options().read_only(read_only).open("memory").unwrap();
        compare(&store, &model, &script.1);
        store.maintain().unwrap();
        compare(&store, &model, &script.1);
        store.close().unwrap();

        let mut image = world.disk().image();
        image.retain(|path, _| !path.starts_with("index/"));
        let bare = World::on(MemoryDisk::from_image(image).unwrap(), 3);
        bare.disk().set_content("log/other", b"").unwrap();
        let store = bare.options().read_only(read_only).open("memory").unwrap();
        compare(&store, &model, &script.1);
        if !read_only {
            store.maintain().unwrap();
            assert_eq!(store.stats().unwrap().runs, bare.files("index/").len() as u64);
            compare(&store, &model, &script.1);
        }
    }
}
