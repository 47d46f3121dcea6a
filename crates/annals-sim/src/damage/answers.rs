//! Questions to a store of which events may have been removed, and what it says to them: of a damaged one the answers must be
//! those that the sound one gave, or begin as these and end with an error that tells of damage.

use super::layout::Layout;
use super::witness::Witness;
use crate::suite::Failure;
use annals::{
    AsOf, Event, PayloadError, Position, Query, ReadError, Store, Uuid, Version, View, category_of,
};
use std::collections::BTreeSet;
use std::fmt::Debug;

/// What is asked.
#[derive(Clone, Debug)]
pub(super) enum Question {
    /// For events, of one stream or more.
    Read(Box<Query>),
    /// For all events of an earlier moment.
    AsOf(AsOf),
    At(Position),
    Id(Uuid),
    /// How many events, the last version and the first one.
    Stream(String),
    Lists,
    Ledger,
}

/// What is said to one question.
#[derive(Debug, Default)]
struct Answer {
    events: Vec<Event>,
    /// All that is no event.
    other: Vec<String>,
    /// With what it ends before its time.
    error: Option<ReadError>,
}

/// What a store says to all questions.
#[derive(Debug)]
pub(super) struct Answers {
    said: Vec<(Question, Answer)>,
    last: u64,
}

impl Question {
    /// All of them about these events, in a store with positions up to `last`.
    pub(super) fn all(events: &[&Event], last: u64) -> Vec<Question> {
        let mut queries = vec![Query::all(), Query::all().backwards()];
        let streams = unique(events, |event| vec![event.stream.as_str()]);
        for stream in &streams {
            let all = Query::stream(*stream);
            queries.extend([all.clone(), all.clone().backwards(), all.from_version(Version::new(2))]);
        }
        let types = unique(events, |event| vec![event.event_type.as_str()]);
        queries.extend(types.into_iter().map(|name| Query::all().of_type(name)));
        let tags = unique(events, |event| event.tags.iter().map(String::as_str).collect());
        queries.extend(tags.into_iter().map(|tag| Query::all().tagged(tag)));
        let categories = unique(events, |event| vec![category_of(&event.stream)]);
        queries.extend(categories.into_iter().map(|category| Query::all().category(category)));
        let mut all: Vec<Question> =
            queries.into_iter().map(|query| Question::Read(Box::new(query))).collect();
        all.extend((1..=last).map(|position| Question::At(Position::new(position))));
        let ids: BTreeSet<Uuid> = events.iter().map(|event| event.id).collect();
        all.extend(ids.into_iter().map(Question::Id));
        all.extend(streams.into_iter().map(|stream| Question::Stream(stream.to_owned())));
        if let Some(event) = events.get(events.len() / 2) {
            let moments = [AsOf::Recorded(event.recorded_at), AsOf::Occurred(event.occurred_at)];
            all.extend(moments.map(Question::AsOf));
        }
        all.extend([Question::Lists, Question::Ledger]);
        all
    }

    /// About whole streams or the whole store, so that what is appended makes another answer right.
    fn is_of_all(&self) -> bool {
        matches!(self, Question::Stream(_) | Question::Lists | Question::Ledger)
    }

    fn ask(&self, store: &Store, view: &View) -> Answer {
        let mut answer = Answer::default();
        answer.error = self.collect(store, view, &mut answer).err();
        answer
    }

    fn collect(&self, store: &Store, view: &View, answer: &mut Answer) -> Result<(), ReadError> {
        let Answer { events, other, .. } = answer;
        match self {
            Question::Read(query) => read(view, query, events)?,
            Question::AsOf(moment) => read(&view.as_of(*moment)?, &Query::all(), events)?,
            Question::At(position) => {
                events.extend(view.event_at(*position)?.map(|event| event.to_event()));
            }
            Question::Id(id) => events.extend(view.event(*id)?.map(|event| event.to_event())),
            Question::Stream(stream) => {
                other.push(format!("{:?}", view.stream(stream)?));
                other.push(format!("begins at {}", view.floor(stream)?));
                other.push(format!("{} events", view.count(Query::stream(stream.as_str()))?));
            }
            Question::Lists => {
                for info in view.streams("") {
                    other.push(format!("{:?}", info?));
                }
                other.push(format!("{:?}", view.types()?));
            }
            Question::Ledger => {
                other.push(format!("{:?}", store.ledger()?));
                for event in store.erased_events() {
                    other.push(format!("{:?}", event?));
                }
            }
        }
        Ok(())
    }
}

fn read(view: &View, query: &Query, events: &mut Vec<Event>) -> Result<(), ReadError> {
    for event in view.read(query.clone())? {
        events.push(event?.to_event());
    }
    Ok(())
}

fn unique<'e>(events: &[&'e Event], names: impl Fn(&'e Event) -> Vec<&'e str>) -> BTreeSet<&'e str> {
    events.iter().flat_map(|event| names(event)).collect()
}

/// How a store that is compared came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// It is as it was found.
    Damaged,
    /// The same with an older manifest: if the files that this names are left over, nothing was removed from them.
    Older,
    /// It was appended to and compacted: what was hidden may be gone.
    WentOn,
}

impl Answers {
    /// What a sound store says.
    ///
    /// # Errors
    /// That it is not sound.
    pub(super) fn of(store: &Store, questions: &[Question]) -> Result<Self, Failure> {
        let view = store.view();
        let said = questions.iter().map(|question| match question.ask(store, &view) {
            Answer { error: Some(error), .. } if error.is_corruption() => Err(failed(question, &error)),
            answer => Ok((question.clone(), answer)),
        });
        Ok(Answers { said: said.collect::<Result<_, _>>()?, last: view.position().get() })
    }

    /// Asks a damaged store everything, of the events up to position `end`.
    ///
    /// # Errors
    /// A wrong answer, or an error that damage does not explain.
    pub(super) fn compare(
        &self,
        store: &Store,
        end: u64,
        since: Since,
        layout: &Layout,
    ) -> Result<Witness, Failure> {
        let view = store.view();
        let mut comparison = Comparison {
            end,
            since,
            whole: since == Since::Damaged && end == self.last,
            layout,
            witness: Witness { end, ..Witness::default() },
        };
        for (question, wanted) in &self.said {
            let found = question.ask(store, &view);
            comparison.one(question, wanted, &found)?;
        }
        Ok(comparison.witness)
    }

    /// Whether this is an event that the store has shown.
    pub(super) fn have_shown(&self, event: &Event) -> bool {
        let all = self.said.first().map(|(_, answer)| answer.events.as_slice()).unwrap_or_default();
        let place = all.binary_search_by_key(&event.position, |event| event.position);
        place.is_ok_and(|place| all[place] == *event)
    }
}

struct Comparison<'l> {
    end: u64,
    since: Since,
    /// Whether the store must have everything that it had, and nothing else.
    whole: bool,
    layout: &'l Layout,
    witness: Witness,
}

impl Comparison<'_> {
    fn one(&mut self, question: &Question, wanted: &Answer, found: &Answer) -> Result<(), Failure> {
        let beyond = matches!(question, Question::At(position) if position.get() > self.end);
        let end = self.end;
        let within = |event: &&Event| event.position.get() <= end;
        let mut found_events = found.events.iter().filter(within);
        let mut wanted_events = wanted.events.iter().filter(within);
        for found in found_events.by_ref() {
            match wanted_events.next() {
                Some(wanted) if self.is_same(found, wanted) => {}
                wanted => return Err(failed(question, &(found, wanted))),
            }
        }
        if let Some(error) = found.error.as_ref().filter(|error| error.is_corruption()) {
            self.note(question, error)?;
            let begins = wanted.other.starts_with(&found.other);
            return if begins || !self.whole { Ok(()) } else { Err(failed(question, &found.other)) };
        }
        if let Some(missing) = wanted_events.next() {
            return Err(failed(question, &(missing, "is missing in silence", &found.error)));
        }
        if beyond || (!self.whole && question.is_of_all()) {
            return Ok(());
        }
        let alike = format!("{:?}", found.error) == format!("{:?}", wanted.error);
        match (alike || self.may_differ(found, wanted)) && (found.other == wanted.other) {
            true => Ok(()),
            false => Err(failed(question, &(found, "instead of", wanted))),
        }
    }

    /// What was hidden may be gone by now, and be removed or not there; or the other way round.
    fn may_differ(&self, found: &Answer, wanted: &Answer) -> bool {
        use ReadError::{Hidden, Removed};
        let both = (self.since, &wanted.error, &found.error);
        matches!(
            both,
            (Since::WentOn, Some(Hidden { .. }), None | Some(Removed { .. }))
                | (Since::Older, None | Some(Removed { .. }), Some(Hidden { .. }))
        )
    }

    /// Whether it is this event, at most without its payload, which is said to be damaged.
    fn is_same(&mut self, found: &Event, wanted: &Event) -> bool {
        if found == wanted {
            return true;
        }
        let without = |event: &Event| Event { payload: wanted.payload.clone(), ..event.clone() };
        let erased = matches!(&found.payload, Err(error) if error.is_erased());
        if self.since == Since::WentOn
            && erased
            && matches!(wanted.payload, Err(PayloadError::BeingErased { .. }))
        {
            return without(found) == *wanted;
        }
        let damaged = matches!(&found.payload, Err(error) if error.is_damage());
        let same = damaged && without(found) == *wanted;
        if same {
            self.note_payload(found.position);
        }
        same
    }

    fn note(&mut self, question: &Question, error: &ReadError) -> Result<(), Failure> {
        if let ReadError::Payload(error) = error {
            self.note_payload(error.position());
        } else {
            self.witness.note(error)?;
        }
        if let Question::At(position) = question {
            self.witness.unreadable.insert(position.get());
        }
        Ok(())
    }

    fn note_payload(&mut self, position: Position) {
        self.witness.unreadable.insert(position.get());
        let file = self.layout.record(position.get()).map(|(frame, _)| frame.file.clone());
        self.witness.files.extend(file);
    }
}

fn failed(question: &Question, what: &dyn Debug) -> Failure {
    Failure::new(format!("{question:?}: {what:?}"))
}
