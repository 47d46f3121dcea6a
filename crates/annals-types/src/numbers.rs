//! Numbers that must not be mixed: the place of an event in the store and in its stream.

use std::fmt;

/// Number of an event in the whole store, from 1, without gaps at append.
///
/// [`Position::ZERO`] means "before everything". The difference of two positions is a count.
///
/// ```
/// use annals_types::Position;
/// let position = Position::new(7);
/// assert_eq!(position.next(), Position::new(8));
/// assert_eq!(position.events_since(Position::new(5)), 2);
/// assert!(Position::ZERO < Position::FIRST);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(u64);

impl Position {
    /// Before everything.
    pub const ZERO: Position = Position(0);
    /// The position of the first event of a store.
    pub const FIRST: Position = Position(1);
    /// The largest position (2^48 - 1): at a million events per second, nine years of appends.
    pub const MAX: Position = Position((1 << 48) - 1);

    /// A position from its number. Numbers above [`Position::MAX`] can be made, but never stand for an event.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Position(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The position after this one (saturating).
    #[must_use]
    pub const fn next(self) -> Self {
        Position(self.0.saturating_add(1))
    }

    /// The position before this one; before [`Position::ZERO`] there is nothing, so it stays.
    #[must_use]
    pub const fn previous(self) -> Self {
        Position(self.0.saturating_sub(1))
    }

    /// The position `count` events further (saturating).
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Position(self.0.saturating_add(count))
    }

    /// How many events lie after `earlier` up to and including this one; 0 if `earlier` is not earlier.
    #[must_use]
    pub const fn events_since(self, earlier: Position) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Number of an event within its stream, from 1; [`Version::ZERO`] means "the stream has no events yet".
///
/// ```
/// use annals_types::Version;
/// assert_eq!(Version::ZERO.next(), Version::FIRST);
/// assert_eq!(Version::new(3).to_string(), "3");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(u64);

impl Version {
    /// The stream has no events yet.
    pub const ZERO: Version = Version(0);
    /// The version of the first event of a stream.
    pub const FIRST: Version = Version(1);

    /// A version from its number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Version(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The version after this one (saturating).
    #[must_use]
    pub const fn next(self) -> Self {
        Version(self.0.saturating_add(1))
    }

    /// The version `count` events further (saturating).
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Version(self.0.saturating_add(count))
    }
}

macro_rules! shown_as_number {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}
shown_as_number!(Position);
shown_as_number!(Version);
