//! Every way to read, compared with plain filters over a list.

use super::{Play, STREAMS};
use crate::retention::model::Row;
use annals::{AsOf, Batch, Clause, Criteria, Position, Query, ReadError, Timestamp, Version, View};
use std::collections::BTreeSet;

/// Which events a query means.
type Filter<'f> = &'f dyn Fn(&Row) -> bool;

impl Play {
    pub(super) fn check(&mut self, context: &str) {
        let now = self.store.view();
        self.compare(&now, &|_| true, &format!("{context}, now"));
        let position = self.dice.below(self.model.rows.len() + 1) as u64;
        let cut = now.as_of(AsOf::Position(Position::new(position))).unwrap();
        self.compare(&cut, &|row| row.position <= position, &format!("{context}, as of position {position}"));
        let time = self.now - self.dice.below(100) as i64 * 100_000_000;
        let at = Timestamp::from_nanos(time);
        let known = now.as_of(AsOf::Recorded(at)).unwrap();
        self.compare(&known, &|row| row.recorded <= time, &format!("{context}, recorded by {time}"));
        let then = now.as_of(AsOf::Occurred(at)).unwrap();
        self.compare(&then, &|row| row.occurred <= time, &format!("{context}, occurred by {time}"));
        self.decide(context);
        for (name, position) in self.model.guards.clone() {
            self.model.spared = Some(position);
            let view = self.store.guards().view(&name).unwrap();
            self.compare(&view, &|_| true, &format!("{context}, for {name} at {position}"));
            self.model.spared = None;
        }
    }

    /// A decision sees what readers see.
    fn decide(&self, context: &str) {
        let visible = self.visible(&|_| true);
        let decided = self.store.decide(&Query::all(), |situation| {
            let read = |query: Query| -> Result<Vec<u64>, ReadError> {
                situation.read(query)?.map(|event| event.map(|event| event.position.get())).collect()
            };
            let mut all = vec![read(Query::all())?];
            for stream in STREAMS {
                all.push(read(Query::stream(stream))?);
            }
            Ok::<_, ReadError>((Batch::new(), all))
        });
        let mut wanted = vec![positions(&visible)];
        for stream in STREAMS {
            wanted.push(visible.iter().filter(|row| row.stream == stream).map(|row| row.position).collect());
        }
        assert_eq!(decided.unwrap().answer, wanted, "{context}, in a decision");
    }

    fn visible(&self, cut: &dyn Fn(&Row) -> bool) -> Vec<&Row> {
        self.model.rows.iter().filter(|row| cut(row) && self.model.shows(row, self.now)).collect()
    }

    pub(super) fn compare(&self, view: &View, cut: &dyn Fn(&Row) -> bool, context: &str) {
        let visible = self.visible(cut);
        self.queries(view, &visible, context);
        self.streams(view, cut, &visible, context);
        for row in &self.model.rows {
            let found = view.event_at(Position::new(row.position));
            let told = match &found {
                Ok(event) => event.is_some(),
                Err(ReadError::Hidden { position }) => {
                    assert!(cut(row) && position.get() == row.position, "{context}: {row:?}");
                    false
                }
                Err(ReadError::Removed { position }) => {
                    assert!(row.gone && position.get() == row.position, "{context}: {row:?}");
                    false
                }
                Err(error) => panic!("{error}"),
            };
            let wanted = visible.iter().any(|shown| shown.position == row.position);
            assert_eq!(told, wanted, "{context}: {row:?}");
            if let Ok(Some(event)) = found {
                assert_eq!(view.event(event.id).unwrap(), Some(event), "{context}");
            }
        }
        let types: BTreeSet<&str> = visible.iter().map(|row| &*row.event_type).collect();
        let listed = view.types().unwrap();
        assert!(listed.iter().map(|listed| &*listed.event_type).eq(types), "{context}: {listed:?}");
        for listed in listed {
            let events = visible.iter().filter(|row| row.event_type == listed.event_type).count();
            assert_eq!(listed.events, events as u64, "{context}: {listed:?}");
        }
    }

    fn queries(&self, view: &View, visible: &[&Row], context: &str) {
        let criteria =
            Criteria::any_of([Clause::new().of_type("u").tagged("k:1"), Clause::new().of_type("v")]);
        let criteria = criteria.unwrap();
        let tagged = |row: &Row, tag: &str| row.tag.as_deref() == Some(tag);
        let of_criteria = |row: &Row| (row.event_type == "u" && tagged(row, "k:1")) || row.event_type == "v";
        let queries: [(Query, Filter<'_>); 10] = [
            (Query::all(), &|_| true),
            (Query::all().from_position(Position::new(9)), &|row| row.position >= 9),
            (Query::all().category("a"), &|row| row.stream.starts_with("a-")),
            (Query::all().prefix("b-"), &|row| row.stream.starts_with("b-")),
            (Query::all().of_type("t"), &|row| row.event_type == "t"),
            (Query::all().tagged("k:2"), &|row| tagged(row, "k:2")),
            (Query::all().matching(criteria.clone()), &of_criteria),
            (Query::stream("a-1").matching(criteria), &|row| row.stream == "a-1" && of_criteria(row)),
            (Query::stream("a-2").of_type("u"), &|row| row.stream == "a-2" && row.event_type == "u"),
            (Query::stream("b-1").to_version(Version::new(4)), &|row| {
                row.stream == "b-1" && row.version <= 4
            }),
        ];
        let streams = STREAMS.map(|stream| (Query::stream(stream), stream));
        for (query, means) in queries {
            let wanted = visible.iter().copied().filter(|row| means(row)).collect();
            asked(view, &query, wanted, context);
        }
        for (query, stream) in streams {
            let wanted = visible.iter().copied().filter(|row| row.stream == stream).collect();
            asked(view, &query, wanted, context);
        }
    }

    fn streams(&self, view: &View, cut: &dyn Fn(&Row) -> bool, visible: &[&Row], context: &str) {
        for stream in STREAMS {
            if self.model.is_gone(stream) {
                // Its name is closed, and nothing tells any more where it ended.
                assert_eq!(view.read(Query::stream(stream)).unwrap().count(), 0, "{context}: {stream}");
                continue;
            }
            let floor = view.floor(stream).unwrap();
            assert_eq!(floor.get(), self.model.floor(stream, self.now).max(1), "{context}: {stream}");
            for from in 1..=self.model.last(stream) + 1 {
                let query = Query::stream(stream).from_version(Version::new(from));
                let (read, counted) = (view.read(query.clone()), view.count(query));
                match (read, counted) {
                    (
                        Err(ReadError::BelowFloor { asked, floor: told, .. }),
                        Err(ReadError::BelowFloor { .. }),
                    ) => {
                        assert!(from < floor.get() && asked.get() == from && told == floor, "{context}");
                    }
                    (Ok(read), Ok(counted)) => {
                        assert!(from >= floor.get(), "{context}: {stream} from {from}, below {floor}");
                        let wanted = |row: &&&Row| row.stream == stream && row.version >= from;
                        let wanted = visible.iter().filter(wanted).count();
                        assert_eq!((read.count(), counted), (wanted, wanted as u64), "{context}");
                    }
                    other => panic!("{context}: {other:?}"),
                }
            }
        }
        for stream in STREAMS.into_iter().chain(["$annals.retention", "$annals.ledger", "$annals.guards"]) {
            let info = view.stream(stream).unwrap();
            let events = visible.iter().filter(|row| row.stream == stream).count() as u64;
            let there = self.model.rows.iter().filter(|row| row.stream == stream && cut(row));
            let last = there.map(|row| row.version).max().unwrap_or(0);
            let listed = view.streams(stream).next().transpose().unwrap();
            assert_eq!(listed, info.clone().filter(|info| info.stream == stream), "{context}: {stream}");
            assert_eq!(info.as_ref().map_or(0, |info| info.events), events, "{context}: {stream}");
            let kept = view.occurred_by().is_none()
                && last > 0
                && last == self.model.last(stream)
                && !self.model.is_deleted(stream);
            assert_eq!(info.is_some(), events > 0 || kept, "{context}: {stream}: {info:?}");
            if let Some(info) = info.filter(|_| view.occurred_by().is_none()) {
                assert_eq!(info.last_version.get(), last, "{context}: {stream}");
            }
        }
    }
}

fn positions(rows: &[&Row]) -> Vec<u64> {
    rows.iter().map(|row| row.position).collect()
}

fn asked(view: &View, query: &Query, wanted: Vec<&Row>, context: &str) {
    let read = |query: Query| -> Vec<u64> {
        view.read(query).unwrap().map(|event| event.unwrap().position.get()).collect()
    };
    let mut wanted = positions(&wanted);
    assert_eq!(read(query.clone()), wanted, "{context}: {query:?}");
    assert_eq!(view.count(query.clone()).unwrap(), wanted.len() as u64, "{context}: counted, {query:?}");
    assert_eq!(view.read_upcast(query.clone()).unwrap().count(), wanted.len(), "{context}: {query:?}");
    let newest = query.clone().backwards().limit(3);
    let counted = view.count(newest.clone()).unwrap();
    wanted.reverse();
    wanted.truncate(3);
    assert_eq!((read(newest), counted), (wanted.clone(), wanted.len() as u64), "{context}: {query:?}");
}
