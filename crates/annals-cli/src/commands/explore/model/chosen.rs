//! The stream that is looked at: its events, the moment, the state.

use super::{Find, Moment, Spans, Unit, Want};
use annals::{Clock, Timestamp};

/// What is shown of an event in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct EventRow {
    pub(in super::super) version: u64,
    pub(in super::super) position: u64,
    pub(in super::super) occurred_at: Timestamp,
    pub(in super::super) recorded_at: Timestamp,
    pub(in super::super) event_type: String,
}

/// Some events of the stream, one after the other; those that were lost are missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Window {
    pub(in super::super) first: u64,
    pub(in super::super) count: u64,
    pub(in super::super) rows: Vec<EventRow>,
}

impl Window {
    fn covers(&self, first: u64, last: u64) -> bool {
        self.first <= first && last < self.first.saturating_add(self.count)
    }
}

/// The state at a moment, ready to be drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Shown {
    pub(in super::super) lines: Vec<String>,
    /// What the last event, or all events of the moment, have changed: a sign (`+`, `-` or `~`) and a text.
    pub(in super::super) changes: Vec<(char, String)>,
}

/// How many events around the selected one are loaded.
const AROUND: u64 = 128;
/// How many around it are shown at most, on the largest of screens.
const SEEN: u64 = 60;

/// The chosen stream.
#[derive(Debug)]
pub(in super::super) struct Chosen {
    pub(in super::super) stream: String,
    /// The version of its last event, once it is known.
    pub(in super::super) last: Option<u64>,
    /// Up to which version its times are known.
    pub(in super::super) outlined: u64,
    pub(in super::super) spans: Option<Spans>,
    pub(in super::super) moment: Option<Moment>,
    pub(in super::super) window: Option<Window>,
    pub(in super::super) state: Option<Shown>,
    /// Of the state that is being folded.
    pub(in super::super) progress: Option<(u64, u64)>,
    pub(in super::super) scroll: usize,
    pub(in super::super) changes_scroll: usize,
    find: Option<Going>,
}

/// What is looked for, and what to do with it.
#[derive(Clone, Copy, Debug)]
struct Going {
    find: Find,
    /// A free step: this is the moment, whenever the event was.
    time: Option<Timestamp>,
    /// If there is no such event, the moment before the first one.
    may_leave: bool,
}

impl Chosen {
    pub(super) fn new(stream: String) -> Self {
        Chosen {
            stream,
            last: None,
            outlined: 0,
            spans: None,
            moment: None,
            window: None,
            state: None,
            progress: None,
            scroll: 0,
            changes_scroll: 0,
            find: None,
        }
    }

    pub(super) fn want(&self, clock: Clock) -> Option<Want> {
        let stream = self.stream.clone();
        let Some(last) = self.last.filter(|last| self.outlined >= *last) else {
            return Some(Want::Outline { stream });
        };
        if let Some(going) = self.find {
            return Some(Want::Find { stream, clock, find: going.find });
        }
        let moment = self.moment.as_ref()?;
        let selected = moment.at.as_ref().map_or(1, |row| row.version);
        let (first, end) = (selected.saturating_sub(SEEN).max(1), selected.saturating_add(SEEN).min(last));
        if !self.window.as_ref().is_some_and(|window| window.covers(first, end)) {
            let first = selected.saturating_sub(AROUND).max(1);
            return Some(Want::Events { stream, first, count: 2 * AROUND + 1 });
        }
        self.state.is_none().then(|| Want::State { stream, clock, at: moment.at.clone() })
    }

    pub(super) fn take_outline(&mut self, last: u64, done: u64, spans: Option<Spans>) {
        let ended = done >= last;
        (self.last, self.outlined, self.spans) = (Some(last), done, spans);
        if ended && self.moment.is_none() {
            self.go(Find::UpTo(last), None, true);
        }
    }

    pub(super) fn take_found(&mut self, clock: Clock, row: Option<EventRow>) {
        let Some(going) = self.find.take() else { return };
        let moment = match (going.time, row) {
            (Some(time), at) => Moment { time, at },
            (None, Some(row)) => Moment { time: row.time(clock), at: Some(row) },
            (None, None) if going.may_leave => Moment { time: self.before_first(clock), at: None },
            (None, None) => return,
        };
        self.set(moment);
    }

    /// Just before the first time of the stream.
    fn before_first(&self, clock: Clock) -> Timestamp {
        let first = self.spans.map_or(Timestamp::MIN, |spans| spans.on(clock).0);
        Timestamp::from_nanos(first.as_nanos().saturating_sub(1))
    }

    fn set(&mut self, moment: Moment) {
        if self.moment.as_ref().map(|moment| &moment.at) != Some(&moment.at) {
            (self.state, self.progress, self.changes_scroll) = (None, None, 0);
        }
        self.moment = Some(moment);
    }

    fn go(&mut self, find: Find, time: Option<Timestamp>, may_leave: bool) {
        self.find = Some(Going { find, time, may_leave });
    }

    /// The version that is selected; 0 before the first event.
    fn selected(&self) -> u64 {
        self.moment.as_ref().and_then(|moment| moment.at.as_ref()).map_or(0, |row| row.version)
    }

    /// Whether one can move: not before everything about the stream is known.
    fn is_known(&self) -> bool {
        self.find.is_none() && self.moment.is_some()
    }

    /// To another event of the list.
    pub(super) fn move_by(&mut self, by: i64) {
        let Some(last) = self.last.filter(|_| self.is_known()) else { return };
        let to = self.selected().saturating_add_signed(by).clamp(1, last.max(1));
        self.go(if by < 0 { Find::UpTo(to) } else { Find::From(to) }, None, false);
    }

    /// To the first or the last event of the list.
    pub(super) fn move_to_end(&mut self, last: bool) {
        if self.is_known() {
            self.go(if last { Find::UpTo(u64::MAX) } else { Find::From(1) }, None, false);
        }
    }

    /// To the next or the previous moment at which there is an event.
    pub(super) fn step(&mut self, clock: Clock, forward: bool) {
        let Some(moment) = self.moment.as_ref().filter(|_| self.is_known()) else { return };
        let (time, selected) = (moment.time, self.selected());
        let earlier = Timestamp::from_nanos(time.as_nanos().saturating_sub(1));
        let at = moment.at.as_ref().map(|row| row.time(clock));
        match (clock, forward) {
            // Many events may be recorded at one time; each is a moment by itself.
            (Clock::Recorded, true) => self.go(Find::From(selected + 1), None, false),
            // From between two events, back is to the earlier one, where the selection is already.
            (_, false) if at.is_some_and(|at| at < time) => self.go(Find::UpTo(selected), None, true),
            (Clock::Recorded, false) if selected <= 1 => self.leave(clock),
            (Clock::Recorded, false) => self.go(Find::UpTo(selected - 1), None, true),
            (Clock::Occurred, true) => self.go(Find::Behind(time), None, false),
            (Clock::Occurred, false) => self.go(Find::By(earlier), None, true),
        }
    }

    fn leave(&mut self, clock: Clock) {
        self.set(Moment { time: self.before_first(clock), at: None });
    }

    /// A step of time, whether there is an event or not.
    pub(super) fn step_freely(&mut self, clock: Clock, unit: Unit, forward: bool) {
        let Some(moment) = self.moment.as_ref().filter(|_| self.is_known()) else { return };
        let Some(spans) = self.spans else { return };
        let time = unit.step(moment.time, forward, spans.on(clock));
        self.go(Find::By(time), Some(time), false);
    }

    /// The clock is another one: the moment is that of the same event on it.
    pub(super) fn clock_changed(&mut self, clock: Clock) {
        (self.state, self.progress) = (None, None);
        match self.moment.as_ref().and_then(|moment| moment.at.clone()) {
            Some(row) => self.moment = Some(Moment { time: row.time(clock), at: Some(row) }),
            None if self.moment.is_some() => self.leave(clock),
            None => {}
        }
    }

    pub(super) fn reload(&mut self) {
        (self.last, self.window) = (None, None);
        // On the occurred clock what has come may belong before the moment.
        self.state = None;
    }

    /// Something of it cannot be loaded: it stays as far as it is there.
    pub(super) fn give_up(&mut self) {
        self.find = None;
        let last = *self.last.get_or_insert(self.outlined);
        self.outlined = last;
        let window = self.window.take().unwrap_or_default();
        self.window = Some(Window { first: 0, count: u64::MAX, ..window });
    }
}
