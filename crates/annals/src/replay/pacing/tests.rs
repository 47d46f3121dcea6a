//! Pacing with a clock that the test turns: nothing here waits.

use super::*;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(seconds * SECOND)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn speed(factor: f64) -> Speed {
    Speed::times(factor).unwrap()
}

/// A replay whose waits move the clock.
#[derive(Default)]
struct Player {
    pacing: Pacing,
    now: Duration,
}

impl Player {
    fn at(factor: f64) -> Self {
        let mut player = Player::default();
        player.pacing.set_speed(speed(factor), Duration::ZERO);
        player
    }

    /// Waits for an event as long as it must; the moment at which it is given out.
    fn give(&mut self, time: Timestamp) -> Duration {
        loop {
            match self.pacing.look(time, self.now) {
                Step::Give => return self.now,
                Step::WaitUntil(due) => {
                    assert!(due > self.now, "a wait for what is over");
                    self.now = due;
                }
                other => panic!("{other:?} without an order"),
            }
        }
    }

    fn give_all(&mut self, times: &[i64]) -> Vec<u64> {
        times.iter().map(|time| self.give(at(*time)).as_secs()).collect()
    }

    /// Looks at the next event at a later moment.
    fn look(&mut self, time: i64, now: u64) -> Step {
        self.now = seconds(now);
        self.pacing.look(at(time), self.now)
    }
}

#[test]
fn events_come_as_far_apart_as_they_were_divided_by_the_speed() {
    assert_eq!(Player::at(1.0).give_all(&[100, 101, 105, 205]), [0, 1, 5, 105]);
    assert_eq!(Player::at(10.0).give_all(&[100, 110, 200]), [0, 1, 10]);
    assert_eq!(Player::at(0.5).give_all(&[100, 101, 105]), [0, 2, 10]);
    assert_eq!(Player::at(1.0).give_all(&[-5, 5]), [0, 10]);
}

#[test]
fn equal_and_earlier_times_need_no_wait_and_do_not_move_what_follows() {
    assert_eq!(Player::at(1.0).give_all(&[10, 10, 3, 12, 11, 12, 15]), [0, 0, 0, 2, 2, 2, 5]);
    assert_eq!(Player::at(1.0).give_all(&[10, 9, 8, 7]), [0; 4]);
}

#[test]
fn the_fastest_speed_never_waits_and_a_change_from_it_counts_from_there() {
    let mut player = Player::default();
    player.pacing.set_speed(Speed::FASTEST, Duration::ZERO);
    assert_eq!(player.give_all(&[0, 1000, 1_000_000]), [0, 0, 0]);
    player.now = seconds(7);
    assert_eq!(player.give(at(1_000_010)), seconds(7));
    player.pacing.set_speed(Speed::ORIGINAL, player.now);
    assert_eq!(player.give_all(&[1_000_013, 1_000_020]), [10, 17]);
}

#[test]
fn idle_times_are_cut_and_what_follows_keeps_its_distance() {
    let mut player = Player::at(1.0);
    player.pacing.set_longest_wait(seconds(5));
    assert_eq!(player.give_all(&[0, 3, 1003, 1005, 1010, 9999]), [0, 3, 8, 10, 15, 20]);
    let mut player = Player::at(100.0);
    player.pacing.set_longest_wait(Duration::ZERO);
    assert_eq!(player.give_all(&[0, 3, 1003]), [0, 0, 0]);
}

#[test]
fn who_is_slow_gets_what_is_due_at_once_and_catches_up() {
    let mut player = Player::at(1.0);
    assert_eq!(player.give_all(&[0, 1]), [0, 1]);
    player.now = seconds(50);
    assert_eq!(player.give_all(&[2, 30, 50, 51, 60]), [50, 50, 50, 51, 60]);
}

#[test]
fn a_pause_holds_events_and_its_time_does_not_count() {
    let mut player = Player::at(1.0);
    assert_eq!(player.give_all(&[0]), [0]);
    player.pacing.pause(seconds(4));
    player.pacing.pause(seconds(6));
    assert!(player.pacing.is_paused());
    for now in [6, 10, 100] {
        assert_eq!(player.look(10, now), Step::WaitForOrders);
    }
    player.pacing.resume(seconds(100));
    assert_eq!(player.look(10, 100), Step::WaitUntil(seconds(106)), "6 of 10 seconds were left");
    player.pacing.resume(seconds(103));
    assert_eq!(player.give_all(&[10, 11]), [106, 107]);
}

#[test]
fn a_replay_that_is_paused_before_it_begins_begins_when_it_is_resumed() {
    let mut player = Player::at(1.0);
    player.pacing.pause(Duration::ZERO);
    assert_eq!(player.look(5, 30), Step::WaitForOrders);
    player.pacing.resume(seconds(40));
    player.now = seconds(40);
    assert_eq!(player.give_all(&[5, 6]), [40, 41]);
}

#[test]
fn each_step_gives_one_event_and_the_rest_goes_on_from_it() {
    let mut player = Player::at(1.0);
    player.pacing.step();
    assert_eq!(player.give_all(&[0]), [0]);
    assert_eq!(player.look(1000, 1), Step::WaitUntil(seconds(1000)), "a step without a pause is nothing");
    player.pacing.pause(seconds(2));
    player.pacing.step();
    player.pacing.step();
    assert_eq!(player.look(1000, 3), Step::Give);
    assert_eq!(player.look(2000, 3), Step::Give);
    assert_eq!(player.look(2003, 3), Step::WaitForOrders);
    player.pacing.step();
    player.pacing.resume(seconds(20));
    player.now = seconds(20);
    assert_eq!(player.give_all(&[2003, 2004]), [23, 24], "the step that was left is forgotten");
}

#[test]
fn a_stop_ends_everything_also_a_pause() {
    let mut player = Player::at(1.0);
    assert_eq!(player.give_all(&[0]), [0]);
    player.pacing.pause(seconds(1));
    player.pacing.step();
    player.pacing.stop();
    assert_eq!(player.look(1, 2), Step::End);
    player.pacing.resume(seconds(3));
    assert_eq!(player.look(1, 9), Step::End);
}

#[test]
fn a_change_of_speed_takes_effect_in_the_middle_of_a_wait() {
    let mut player = Player::at(1.0);
    assert_eq!(player.give_all(&[0]), [0]);
    assert_eq!(player.look(100, 40), Step::WaitUntil(seconds(100)));
    player.pacing.set_speed(speed(10.0), seconds(40));
    assert_eq!(player.look(100, 41), Step::WaitUntil(seconds(46)));
    player.pacing.set_speed(speed(0.5), seconds(44));
    assert_eq!(player.look(100, 44), Step::WaitUntil(seconds(84)), "80 of 100 seconds were over");
    player.pacing.set_speed(Speed::FASTEST, seconds(50));
    assert_eq!(player.look(100, 50), Step::Give);
}

#[test]
fn the_speed_can_be_changed_within_a_pause() {
    let mut player = Player::at(1.0);
    assert_eq!(player.give_all(&[0]), [0]);
    player.pacing.pause(seconds(40));
    player.pacing.set_speed(speed(2.0), seconds(70));
    player.pacing.resume(seconds(100));
    assert_eq!(player.look(100, 100), Step::WaitUntil(seconds(130)), "60 of 100 seconds were left");
}

#[test]
fn huge_and_tiny_factors_and_the_ends_of_time_do_no_harm() {
    let (first, last) = (Timestamp::MIN, Timestamp::MAX);
    for factor in [f64::MIN_POSITIVE, 1e-300, 1e-9, 0.999, 1.0, 1e9, f64::MAX] {
        let mut player = Player::at(factor);
        assert_eq!(player.give(first), Duration::ZERO);
        match player.pacing.look(last, Duration::ZERO) {
            Step::Give => assert!(factor > 1e9, "{factor}"),
            Step::WaitUntil(due) => {
                assert!(due >= Duration::from_nanos(1 << 33) && factor <= 1e9, "{factor}")
            }
            other => panic!("{other:?} at {factor}"),
        }
        let mut player = Player::at(factor);
        player.give(at(0));
        player.pacing.set_speed(speed(f64::MAX), seconds(u64::MAX));
        player.pacing.set_speed(speed(factor), Duration::MAX);
        player.pacing.pause(Duration::ZERO);
        player.pacing.resume(Duration::MAX);
        assert!(
            !matches!(player.pacing.look(last, Duration::MAX), Step::WaitUntil(due) if due < Duration::MAX)
        );
    }
}

proptest! {
    /// However often one is late or early in between, each event is due by the first one and nothing else.
    #[test]
    fn due_moments_do_not_drift(
        times in proptest::collection::vec(0..100_000_i64, 1..200),
        delays in proptest::collection::vec(0..3_u64, 200),
        factor in prop_oneof![Just(1.0), Just(0.1), Just(7.0), Just(1e6)],
    ) {
        let mut player = Player::at(factor);
        let mut latest = times[0];
        for (time, delay) in times.iter().zip(delays) {
            latest = latest.max(*time);
            let due = (latest - times[0]) as f64 / factor;
            let came_at = player.now;
            let given = player.give(at(*time));
            let wanted = due.max(came_at.as_secs_f64());
            prop_assert!((given.as_secs_f64() - wanted).abs() < 1e-6, "{given:?} instead of {wanted}");
            player.now += Duration::from_millis(delay * 700);
        }
    }

    /// Pauses anywhere move everything behind them by their length.
    #[test]
    fn pauses_move_what_follows_by_their_length(
        steps in proptest::collection::vec((0..50_i64, 0..50_u64, proptest::bool::ANY), 1..60),
    ) {
        let (mut player, mut plain) = (Player::at(1.0), Player::at(1.0));
        let (mut time, mut paused) = (0, Duration::ZERO);
        prop_assert_eq!(player.give(at(0)), plain.give(at(0)));
        for (gap, pause, while_waiting) in steps {
            if pause > 0 {
                let begin = player.now + if while_waiting { seconds(pause / 7) } else { Duration::ZERO };
                let begin = begin.min(plain.now + paused + seconds(gap.unsigned_abs()));
                player.pacing.pause(begin);
                player.now = begin + seconds(pause);
                player.pacing.resume(player.now);
                paused += seconds(pause);
            }
            time += gap;
            prop_assert_eq!(player.give(at(time)), plain.give(at(time)) + paused);
        }
    }

    #[test]
    fn no_wait_is_longer_than_the_longest(
        times in proptest::collection::vec(-1000..1000_i64, 1..100),
        longest in 0..50_u64,
    ) {
        let mut player = Player::at(1.0);
        player.pacing.set_longest_wait(seconds(longest));
        let (mut latest, mut due) = (times[0], 0);
        for time in times {
            due += (time - latest).max(0).unsigned_abs().min(longest);
            latest = latest.max(time);
            prop_assert_eq!(player.give(at(time)), seconds(due));
        }
    }
}
