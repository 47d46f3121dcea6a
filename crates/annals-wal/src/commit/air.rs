//! Groups under way to the disk, in the order of the log.
//!
//! Several syncs are at the device at once, since it works on them side by side: with one event a sync, two make 1.5 times
//! as many syncs a second as one, three and more make more still (ext4 on a virtio disk, 2026-11-20). They come back in any
//! order. A group is done when it and all before it are: a later one lies behind bytes of which nothing is known yet.

use annals_types::planted::{Bug, planted};
use std::collections::VecDeque;
use std::io;

/// How many syncs may be at the device at once.
pub(super) const LANES: usize = 2;

/// The groups under way, each with what it carries.
#[derive(Debug)]
pub(super) struct Air<C> {
    flights: VecDeque<Flight<C>>,
    /// Number of the first flight. Flights are numbered as they depart.
    first: u64,
    lanes_taken: [bool; LANES],
    /// Whether one has failed: then everything behind it has, whatever its own sync said.
    failed: bool,
}

#[derive(Debug)]
struct Flight<C> {
    cargo: C,
    arrived: Option<io::Result<()>>,
}

/// Names a flight, and the lane that it has for itself as long as its sync runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Departure {
    number: u64,
    pub(super) lane: usize,
}

impl<C> Air<C> {
    pub(super) fn new() -> Self {
        Air { flights: VecDeque::new(), first: 0, lanes_taken: [false; LANES], failed: false }
    }

    /// Whether no sync runs.
    pub(super) fn is_clear(&self) -> bool {
        !self.lanes_taken.contains(&true)
    }

    /// Whether another sync may begin.
    pub(super) fn has_lane(&self) -> bool {
        self.lanes_taken.contains(&false)
    }

    /// A group is on its way. There must be a lane.
    pub(super) fn depart(&mut self, cargo: C) -> Departure {
        let lane = self.lanes_taken.iter().position(|taken| !taken).expect("a lane is free");
        self.lanes_taken[lane] = true;
        self.flights.push_back(Flight { cargo, arrived: None });
        Departure { number: self.first + self.flights.len() as u64 - 1, lane }
    }

    /// The sync of a group has ended.
    pub(super) fn arrive(&mut self, departure: Departure, result: io::Result<()>) {
        let index = usize::try_from(departure.number - self.first).unwrap_or(usize::MAX);
        self.lanes_taken[departure.lane] = false;
        if let Some(flight) = self.flights.get_mut(index) {
            flight.arrived = Some(result);
        }
    }

    /// A group has nothing to be synced. It is done when all before it are.
    pub(super) fn follow(&mut self, cargo: C) {
        self.flights.push_back(Flight { cargo, arrived: Some(Ok(())) });
    }

    /// The first group, if it is done, and how it ended: badly, if one before it did.
    pub(super) fn land(&mut self) -> Option<(C, io::Result<()>)> {
        self.flights.front().filter(|flight| flight.arrived.is_some())?;
        let flight = self.flights.pop_front()?;
        self.first += 1;
        let result = match flight.arrived.unwrap_or(Ok(())) {
            Ok(()) if self.failed && !planted(Bug::LandsBehindFailure) => Err(io::ErrorKind::Other.into()),
            own => own,
        };
        self.failed |= result.is_err();
        Some((flight.cargo, result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn landed(air: &mut Air<u32>) -> Vec<(u32, bool)> {
        std::iter::from_fn(|| air.land()).map(|(cargo, result)| (cargo, result.is_ok())).collect()
    }

    #[test]
    fn groups_land_in_the_order_in_which_they_departed() {
        let mut air = Air::new();
        let (one, two) = (air.depart(1), air.depart(2));
        assert!(one.lane != two.lane && !air.has_lane());
        air.arrive(two, Ok(()));
        assert!(landed(&mut air).is_empty());
        assert!(air.has_lane());
        let three = air.depart(3);
        assert_eq!(three.lane, two.lane, "its sync has ended");
        air.arrive(one, Ok(()));
        assert_eq!(landed(&mut air), [(1, true), (2, true)]);
        air.arrive(three, Ok(()));
        assert_eq!(landed(&mut air), [(3, true)]);
    }

    #[test]
    fn a_group_without_a_sync_takes_no_lane_and_lands_behind_those_before_it() {
        let mut air = Air::new();
        air.follow(1);
        assert_eq!(landed(&mut air), [(1, true)]);
        let two = air.depart(2);
        air.follow(3);
        assert!(landed(&mut air).is_empty() && air.has_lane());
        air.arrive(two, Ok(()));
        assert_eq!(landed(&mut air), [(2, true), (3, true)]);
    }

    #[test]
    fn what_lies_behind_a_failure_has_failed_and_what_lies_before_it_has_not() {
        let mut air = Air::new();
        let (one, two) = (air.depart(1), air.depart(2));
        air.arrive(two, Err(io::ErrorKind::Other.into()));
        assert!(landed(&mut air).is_empty());
        let three = air.depart(3);
        air.arrive(three, Ok(()));
        assert!(landed(&mut air).is_empty());
        air.arrive(one, Ok(()));
        assert_eq!(landed(&mut air), [(1, true), (2, false), (3, false)]);
        let four = air.depart(4);
        air.arrive(four, Ok(()));
        assert_eq!(landed(&mut air), [(4, false)], "for good");
    }
}
