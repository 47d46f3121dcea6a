//! Every way to read a store, against what it must say.

mod lists;
mod reads;

use crate::suite::Failure;
use annals::{Event, ReadError, View};

/// What is made of an error that a read gives: nothing, or a failure if there should have been none.
pub(crate) type Judge<'a> = dyn FnMut(ReadError) -> Result<(), Failure> + 'a;

/// Asks a view everything that can be asked. Each answer must be exactly what follows from `truth`, the events of the
/// log up to the view's position; or be an error that `judge` lets pass, and until then right.
///
/// # Errors
/// The first wrong answer, and what `judge` says.
pub(crate) fn ask_everything(view: &View, truth: &[Event], judge: &mut Judge<'_>) -> Result<(), Failure> {
    if view.position().get() != truth.len() as u64 {
        let shown = view.position();
        return Err(Failure::new(format!("position {shown} is shown, and there are {} events", truth.len())));
    }
    let mut asked = Asked { view, truth, judge };
    asked.ranges()?;
    asked.names()?;
    asked.single_events()?;
    asked.lists()?;
    asked.as_of()
}

/// The events of a store, if all of them can be read.
///
/// # Errors
/// The first error of reading.
pub(crate) fn all_events(view: &View) -> Result<Vec<Event>, ReadError> {
    view.read(annals::Query::all())?.map(|event| event.map(|event| event.to_event())).collect()
}

/// No error is expected.
pub(crate) fn no_errors(error: ReadError) -> Result<(), Failure> {
    Err(Failure::new(format!("a read fails: {error:?}")))
}

struct Asked<'a, 'j> {
    view: &'a View,
    truth: &'a [Event],
    judge: &'a mut Judge<'j>,
}
