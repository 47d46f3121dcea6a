//! Events: as they are given to the store, and as they come back.

mod invalid;
mod new;
mod owned;
mod stored;
mod tags;

pub use invalid::Invalid;
pub use new::NewEvent;
pub use owned::Event;
pub use stored::EventRef;
pub use tags::Tags;
