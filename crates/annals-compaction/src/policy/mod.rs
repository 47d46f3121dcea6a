//! What a rule is, and which one holds.

mod age;
mod effective;
mod error;
mod object;
mod rule;
mod scope;
mod written;

pub use age::MaxAge;
pub use effective::{Effective, InScope, effective};
pub use error::RuleError;
pub use rule::{RetentionRule, Setting};
pub use scope::{RetentionScope, SYSTEM_PREFIX, ScopeKind};
