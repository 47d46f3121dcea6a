//! Events in the newest version of their schemas, whatever version they were stored in.

mod event;
mod reading;

pub use event::UpcastEvent;
pub use reading::UpcastEvents;
