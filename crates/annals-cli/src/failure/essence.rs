//! Errors that only hand on another one: what that one means, they mean.

use annals::{
    CompactError, EraseError, GuardError, Interrupted, RetentionError, SaveError, SchemaError, TruncateError,
};
use std::error::Error;

/// The error that is handed on in the end, which is `error` itself if it says something of its own.
pub(super) fn essence<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    handed_on(error).map_or(error, essence)
}

/// Of each type the variants that show what they hold and nothing else.
macro_rules! first_held {
    ($error:ident, $($type:ident: $($variant:ident)+;)+) => {
        $(match $error.downcast_ref() {
            $(Some($type::$variant(inner)) => return Some(inner),)+
            _ => {}
        })+
    };
}

fn handed_on<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    // As the source of another error it stands in its box.
    if let Some(boxed) = error.downcast_ref::<Box<Interrupted>>() {
        return Some(&**boxed);
    }
    first_held! { error,
        SchemaError: Append Read;
        RetentionError: Rule Append Read;
        GuardError: Append Read;
        CompactError: Retention Guard Read Append;
        EraseError: Read Append;
        Interrupted: Compact Snapshot;
        TruncateError: Load Save Sync Retention;
        SaveError: Snapshot;
    }
    None
}
