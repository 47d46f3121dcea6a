//! Stores in all the states in which a view can find them.

use super::model::{Row, STREAMS, TAGS, TYPES};
use crate::common::{Dice, START, World};
use crate::repair::{Image, try_repair};
use annals::vfs::MemoryDisk;
use annals::{Batch, InspectedFrame, NewEvent, Store, Timestamp, Uuid, inspect_in};

/// Which state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Segments are sealed and runs merged as they come.
    Merged,
    /// No segment is sealed.
    Unsealed,
    /// Some segments are sealed, others are full, and one is written.
    Tail,
    /// The same, read by somebody else.
    Reader,
    /// Segments of several blocks.
    Large,
    /// Sealed segments whose runs are gone.
    WithoutRuns,
    /// Some events were lost.
    Repaired,
}

/// A store and what is in it.
pub(super) struct Made {
    pub(super) store: Store,
    pub(super) rows: Vec<Row>,
    /// Held open beside a reader.
    _writer: Option<Store>,
}

impl Made {
    pub(super) fn new(kind: Kind, seed: u64) -> Self {
        let (world, mut dice) = (World::new(seed), Dice::new(seed));
        let large = kind == Kind::Large;
        let options = || if large { world.options().segment_bytes(128 << 10) } else { world.options() };
        let store = options().open("memory").unwrap();
        let events = if large { 3000 } else { 500 };
        let mut rows: Vec<Row> = Vec::new();
        let mut now = START;
        while rows.len() < events {
            now += [0, 0, 0, 1, 1, 1000][dice.below(6)];
            world.clock.set(Timestamp::from_nanos(now));
            append(&store, &mut rows, now, large, &mut dice);
            let seal = match kind {
                Kind::Unsealed => false,
                Kind::Tail | Kind::Reader => rows.len() < events / 2,
                _ => true,
            };
            if seal && dice.one_in(3) {
                store.maintain().unwrap();
            }
        }
        for row in &mut rows {
            row.id = store.view().event_at(annals::Position::new(row.position)).unwrap().unwrap().id;
        }
        match kind {
            Kind::Merged | Kind::Unsealed | Kind::Tail => Made { store, rows, _writer: None },
            Kind::Large => {
                store.maintain().unwrap();
                Made { store, rows, _writer: None }
            }
            Kind::Reader => {
                // A reader sees what is told to be durable.
                store.mark_durable().unwrap();
                let reader = options().read_only(true).open("memory").unwrap();
                Made { store: reader, rows, _writer: Some(store) }
            }
            Kind::WithoutRuns => {
                store.close().unwrap();
                let mut image = world.disk().image();
                image.retain(|path, _| !path.starts_with("index/"));
                let world = World::on(MemoryDisk::from_image(image).unwrap(), seed);
                Made { store: world.options().read_only(true).open("memory").unwrap(), rows, _writer: None }
            }
            Kind::Repaired => repaired(&world, store, rows, &mut dice),
        }
    }
}

/// Events of one batch, of which some are told long after they happened.
fn append(store: &Store, rows: &mut Vec<Row>, now: i64, large: bool, dice: &mut Dice) {
    let mut batch = Batch::new();
    let first = rows.len();
    // Times change slowly, so that there are blocks and segments all of whose events lie on one side of a time.
    let stretch = first as u64 / if large { 300 } else { 40 };
    for _ in 0..1 + dice.below(3) {
        let stream = STREAMS[dice.below(STREAMS.len())];
        let occurred = occurred(now, stretch, dice);
        let tags: Vec<&'static str> =
            TAGS.into_iter().filter(|tag| dice.one_in(if *tag == "rare" { 40 } else { 2 })).collect();
        let row = Row {
            position: rows.len() as u64 + 1,
            stream: stream.into(),
            version: rows.iter().rev().find(|row| row.stream == stream).map_or(1, |row| row.version + 1),
            event_type: TYPES[dice.below(TYPES.len())],
            tags,
            recorded: now,
            occurred: occurred.unwrap_or(now),
            id: Uuid::nil(),
            lost: false,
        };
        let size = if large { dice.below(40) } else { 20 + dice.below(500) };
        let mut event = NewEvent::new(row.event_type, data(row.position, size));
        event.occurred_at = occurred.map(Timestamp::from_nanos);
        event.id = dice.one_in(3).then(|| Uuid::from_u128(u128::from(row.position) << 70 | 9));
        event = row.tags.iter().fold(event, |event, tag| event.with_tag(*tag));
        batch.push(stream, &event).unwrap();
        rows.push(row);
    }
    let appended = store.append_batch(batch).unwrap();
    assert_eq!(appended.recorded_at.as_nanos(), now);
}

fn occurred(now: i64, stretch: u64, dice: &mut Dice) -> Option<i64> {
    /// The first days of 1900 and of 2199.
    const FAR: [i64; 2] = [-2_208_988_800_000_000_000, 7_226_582_400_000_000_000];
    const DAY: i64 = 86_400_000_000_000;
    // One stretch in three is told late.
    let day = if stretch.is_multiple_of(3) { 100 - stretch } else { 100 + stretch };
    let near = START + day.cast_signed() * DAY;
    match dice.below(200) {
        0 => Some(i64::MIN),
        1 => Some(i64::MAX),
        2 => Some(FAR[0]),
        3 => Some(FAR[1]),
        4..8 => Some(START + DAY * i64::try_from(dice.below(140)).unwrap()),
        8..30 => None,
        30..60 => Some(near),
        _ => Some(near + i64::try_from(dice.below(1000)).unwrap()),
    }
    .filter(|_| now >= START)
}

/// The data of an event: of one that is long enough, nothing else in the store looks like it.
fn data(position: u64, size: usize) -> Vec<u8> {
    format!("<{position}>").bytes().cycle().take(size).collect()
}

/// Damages the one place where these data are.
fn damage(image: &mut Image, data: &[u8]) {
    let found = image.iter().find_map(|(path, bytes)| {
        let at = bytes.windows(data.len()).position(|window| window == data)?;
        Some((path.clone(), at))
    });
    let (path, at) = found.unwrap();
    image.get_mut(&path).unwrap()[at..at + data.len()].fill(0xAA);
}

/// Damages some events that are not the last of their streams, and repairs the store.
fn repaired(world: &World, store: Store, mut rows: Vec<Row>, dice: &mut Dice) -> Made {
    let events = crate::common::events_of(&store);
    store.close().unwrap();
    let mut damaged = world.disk().image();
    let mut next = dice.below(10);
    while next < rows.len() {
        let stream = rows[next].stream.clone();
        if rows[next + 1..].iter().any(|row| row.stream == stream) {
            damage(&mut damaged, events[next].data().unwrap());
            rows[next].lost = true;
        }
        next += 2 + dice.below(60);
    }
    let (report, disk) = try_repair(&damaged).unwrap();
    assert_eq!(report.lost_positions, rows.iter().filter(|row| row.lost).count() as u64);
    // Of a position that was lost, the time is not known any more: the one of its frame counts.
    for name in disk.image().keys().filter(|name| name.starts_with("log/")) {
        let mut note = |frame: &InspectedFrame| {
            let first = frame.first_position.get() as usize - 1;
            let lost = |row: &&mut Row| row.lost;
            let own = rows.iter_mut().skip(first).take(frame.records as usize);
            own.filter(lost).for_each(|row| row.recorded = frame.recorded_at.as_nanos());
        };
        inspect_in(&disk, name, &mut note).unwrap();
    }
    let world = World::on(disk, 1);
    let store = world.open();
    store.maintain().unwrap();
    Made { store, rows, _writer: None }
}
