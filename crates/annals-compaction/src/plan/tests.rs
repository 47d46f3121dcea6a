//! Properties of plans, whatever the figures.

use super::*;
use annals_types::Position;
use proptest::prelude::*;

/// Segments side by side: events, bytes of each event, how many go, whether sealed. The last is never sealed.
fn logs() -> impl Strategy<Value = Vec<SegmentFigures>> {
    let one = (0..200_u64, 1..40_u64, any::<prop::sample::Index>(), prop::bool::weighted(0.95));
    prop::collection::vec(one, 0..12).prop_map(|drawn| {
        let mut next = Position::FIRST;
        let last = drawn.len();
        let segments = drawn.into_iter().enumerate().map(|(number, (events, length, going, sealed))| {
            let going_events = going.index(usize::try_from(events).unwrap() + 1) as u64;
            let first_position = next;
            next = next.plus(events);
            SegmentFigures {
                segment_id: number as u64,
                first_position,
                last_position: next.previous(),
                sealed: sealed && number + 1 < last,
                surveyed: going_events % 5 != 4,
                events,
                bytes: 100 + events * length,
                going_events,
                going_bytes: going_events * length,
            }
        });
        segments.collect()
    })
}

fn options() -> impl Strategy<Value = PlanOptions> {
    let guards = prop::collection::vec((0..4_u8, 0..2000_u64), 0..4);
    (0..=1000_u16, 0..=1000_u16, 1..9000_u64, any::<bool>(), guards, prop::option::of(0..4_u8)).prop_map(
        |(rewrite, merge, bytes, all, guards, overridden)| {
            let options = PlanOptions::new(bytes)
                .rewrite_from(Share::of_1000(rewrite).unwrap())
                .merge_below(Share::of_1000(merge).unwrap())
                .all(all);
            let guard = |options: PlanOptions, (name, position): (u8, u64)| {
                options.guard(Guard::new(format!("g{name}"), Position::new(position)))
            };
            let options = guards.into_iter().fold(options, guard);
            overridden.into_iter().fold(options, |options, name| options.override_guard(format!("g{name}")))
        },
    )
}

proptest! {
    #[test]
    fn plans_are_safe_whole_and_always_the_same(log in logs(), options in options()) {
        let (plan, again) = (plan(log.clone(), &options), plan(log.clone(), &options));
        prop_assert_eq!(&plan, &again, "the same figures, another plan");
        let figures: Vec<_> = plan.segments.iter().map(|segment| segment.figures.clone()).collect();
        prop_assert_eq!(figures, log, "each segment once, in order");
        let counting = options.guards.iter().filter(|guard| !options.overridden.contains(&guard.name));
        let guarded = counting.map(|guard| guard.position).min().unwrap_or(Position::MAX);
        for segment in &plan.segments {
            let SegmentFigures {
                last_position, sealed, surveyed, events, going_events, going_bytes, bytes, ..
            } = segment.figures;
            let touched = !matches!(segment.action, Action::Keep(_));
            prop_assert!(!touched || sealed, "an open segment is touched: {segment:?}");
            prop_assert!(!touched || surveyed, "nobody has looked at it: {segment:?}");
            prop_assert!(!touched || last_position <= guarded, "above the guard: {segment:?}");
            if segment.action == Action::Drop {
                prop_assert!(going_events == events && events > 0, "something would be lost: {segment:?}");
            }
            // All that may go goes, unless there is a reason.
            let worth = options.all || options.rewrite_from.is_reached(going_bytes, bytes);
            if sealed && surveyed && last_position <= guarded && going_events > 0 && worth {
                prop_assert!(touched, "it stays without a reason: {segment:?}");
            }
            if let Action::Keep(Kept::Guard(name)) = &segment.action {
                prop_assert!(!options.overridden.contains(name), "the guard {name} does not count");
            }
        }
    }

    #[test]
    fn merged_segments_are_neighbours_that_fit_into_one(log in logs(), options in options()) {
        let plan = plan(log, &options);
        for (index, segment) in plan.segments.iter().enumerate() {
            let Action::Merge(group) = &segment.action else { continue };
            prop_assert!(group.contains(&index) && group.len() > 1, "{segment:?}");
            let members = &plan.segments[group.clone()];
            prop_assert!(members.iter().all(|member| member.action == segment.action));
            let left: u64 = members.iter().map(|member| member.figures.bytes_left()).sum();
            prop_assert!(left <= options.segment_bytes);
            prop_assert!(members.iter().any(|member| member.figures.going_events > 0), "for nothing");
        }
    }
}

fn segment(number: u64, events: u64, going: u64) -> SegmentFigures {
    SegmentFigures {
        segment_id: number,
        first_position: Position::new(number * 1000 + 1),
        last_position: Position::new(number * 1000 + events),
        sealed: true,
        surveyed: true,
        events,
        bytes: events,
        going_events: going,
        going_bytes: going,
    }
}

fn actions(segments: Vec<SegmentFigures>, options: &PlanOptions) -> Vec<Action> {
    plan(segments, options).segments.into_iter().map(|segment| segment.action).collect()
}

#[test]
fn a_segment_is_rewritten_from_an_eighth_on_unless_told_otherwise() {
    let segments = || vec![segment(0, 1000, 124), segment(1, 1000, 125), segment(2, 1000, 0)];
    let keep = |why| Action::Keep(why);
    let options = PlanOptions::new(1000);
    assert_eq!(
        actions(segments(), &options),
        [keep(Kept::TooLittle), Action::Rewrite, keep(Kept::NothingGoes)]
    );
    let all = options.clone().all(true);
    assert_eq!(actions(segments(), &all), [Action::Rewrite, Action::Rewrite, keep(Kept::NothingGoes)]);
    let never = options.rewrite_from(Share::of_1000(1000).unwrap());
    assert_eq!(plan(segments(), &never).goes(), (0, 0));
    assert!(Share::of_1000(1001).is_err());
}

#[test]
fn a_guard_keeps_what_lies_above_it_and_can_be_overridden_by_name() {
    let segments = || vec![segment(0, 1000, 1000), segment(1, 1000, 1000)];
    let options = PlanOptions::new(1000).guard(Guard::new("mails", Position::new(1500)));
    let planned = plan(segments(), &options);
    assert_eq!(planned.segments[0].action, Action::Drop);
    assert_eq!(planned.segments[1].action, Action::Keep(Kept::Guard("mails".into())));
    assert_eq!((planned.guards(), planned.goes()), (vec!["mails"], (1000, 1000)));
    let overridden = plan(segments(), &options.override_guard("mails"));
    assert_eq!((overridden.guards(), overridden.goes()), (vec![], (2000, 2000)));
}

#[test]
fn neighbours_that_have_become_small_become_one() {
    let segments =
        vec![segment(0, 1000, 800), segment(1, 1000, 900), segment(2, 1000, 0), segment(3, 100, 0)];
    let plan = actions(segments, &PlanOptions::new(1000));
    assert_eq!(plan[0], Action::Merge(0..2));
    assert_eq!(plan[1], Action::Merge(0..2));
    assert_eq!(plan[2..], [Action::Keep(Kept::NothingGoes), Action::Keep(Kept::NothingGoes)]);
}
