//! What can go wrong, by what the caller can do about it.

mod append;
mod open;
mod read;

pub use append::AppendError;
pub use open::OpenError;
pub use read::ReadError;

/// An error with its causes, in one line.
pub(crate) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let errors = std::iter::successors(Some(error), |error| error.source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
