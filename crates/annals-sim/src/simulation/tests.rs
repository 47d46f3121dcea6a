//! The simulation itself: the same every time, thorough, and short when it fails.

use super::machine::Machine;
use super::op::{Draft, How, Op};
use super::script::script;
use super::shrink::shrink;
use super::*;
use std::collections::BTreeSet;
use std::mem::discriminant;

#[test]
fn two_runs_of_one_seed_do_the_same() {
    let traces: Vec<u64> = (0..80).map(|seed| simulate(Dice::new(seed)).unwrap()).collect();
    for (seed, trace) in (0..).zip(&traces) {
        assert_eq!(simulate(Dice::new(seed)).unwrap(), *trace, "seed {seed}");
    }
    let different: BTreeSet<u64> = traces.iter().copied().collect();
    assert_eq!(different.len(), traces.len(), "seeds do different things");
    let bytes = [3; 200];
    assert_eq!(simulate(Dice::from_bytes(&bytes)), simulate(Dice::from_bytes(&bytes)));
}

/// What is done to a store means little if it is hardly ever in the state in which it could go wrong.
#[test]
fn many_seeds_have_merged_runs_removed_events_and_backups_and_some_have_no_ids() {
    let (mut merged, mut without_ids, mut removed, mut backed_up) = (0, 0, 0, 0);
    for seed in 0..200 {
        let script = script(&mut Dice::new(seed));
        let machine = Machine::work(&script).unwrap();
        merged += usize::from(machine.merged_runs() > 0);
        without_ids += usize::from(!script.ids && machine.account.lock().model.last() > 20);
        removed += usize::from(machine.gone() > 0);
        backed_up += usize::from(machine.vault.has_events());
    }
    assert!(merged > 30 && without_ids > 10, "{merged} with merged runs, {without_ids} without ids");
    assert!(removed > 15 && backed_up > 60, "{removed} with removed events, {backed_up} with backups");
}

#[test]
fn the_seeds_contain_every_operation_and_crashes_of_crashes() {
    let scripts: Vec<Script> = (0..200).map(|seed| script(&mut Dice::new(seed))).collect();
    let ops: Vec<&Op> = scripts.iter().flat_map(|script| &script.ops).collect();
    let kinds: std::collections::HashSet<_> = ops.iter().map(|op| discriminant(*op)).collect();
    assert_eq!(kinds.len(), 20);
    let depth = ops.iter().map(|op| if let Op::Crash(crash) = op { crash.again.len() } else { 0 }).max();
    assert_eq!(depth, Some(3));
    assert!(scripts.iter().any(|script| script.birth.is_some()));
    let stranded = |op: &&Op| matches!(op, Op::Fault(fault) if fault.how == How::Stranded);
    assert!(ops.iter().filter(|op| stranded(op)).count() > 10);
    let large = |op: &&Op| {
        let Op::Append(drafts) = op else { return false };
        drafts.iter().any(|draft| draft.facts.iter().any(|fact| fact.data.len() > 16 << 10))
    };
    assert!(ops.iter().filter(|op| large(op)).count() > 10, "larger than a segment");
}

/// A store that loses an event whenever one of a certain type was appended and the clock moved back after that.
#[test]
fn a_list_that_fails_is_made_as_short_as_it_can_be() {
    let fails = |script: &Script| {
        let mut appended = false;
        for op in &script.ops {
            match op {
                Op::Append(drafts) => {
                    appended |=
                        drafts.iter().any(|draft| draft.facts.iter().any(|fact| fact.event_type == "u"));
                }
                Op::Crash(crash) if appended && crash.left.loses_power() => {
                    return Some(Failure::new("lost"));
                }
                _ => {}
            }
        }
        None
    };
    let mut shortened = 0;
    for seed in 0..60 {
        let script = script(&mut Dice::new(seed));
        let Some(failure) = fails(&script) else { continue };
        shortened += 1;
        let (short, _) = shrink(script, failure, Duration::from_secs(60), &fails);
        let [Op::Append(drafts), Op::Crash(crash)] = &short.ops[..] else { panic!("{short}") };
        assert!(drafts.len() == 1 && drafts[0].facts.len() == 1 && drafts[0].said.is_empty(), "{short}");
        assert!(drafts[0].facts[0].data.is_empty() && crash.again.is_empty() && crash.after == 0, "{short}");
        assert_eq!(crash.left, crate::fates::Left::Synced, "{short}");
        assert!(short.birth.is_none(), "{short}");
    }
    assert!(shortened > 20);
}

#[test]
fn a_list_is_printed_so_that_people_can_read_it() {
    let script = script(&mut Dice::new(2));
    let text = script.to_string();
    assert_eq!(text.lines().count(), 1 + script.ops.len() + usize::from(script.birth.is_some()), "{text}");
    assert!(text.contains("append [") && !text.contains("data: ["), "{text}");
}

/// What a simulation would say if the store forgot what it acknowledged.
#[test]
fn a_store_that_forgets_is_noticed() {
    use crate::account::{Account, submit};
    use crate::model::Proposal;
    use crate::world::{START, World};
    use annals::Timestamp;
    use parking_lot::Mutex;
    let world = World::new(1, 16 << 10);
    let account = Mutex::new(Account::default());
    let store = world.open().unwrap();
    let group = [Proposal { facts: Draft::plain("a").facts, ..Proposal::default() }];
    submit(&account, &store, &group, Timestamp::from_nanos(START), true).unwrap();
    let other = World::new(1, 16 << 10).open().unwrap();
    assert!(account.lock().clone().settle(&other, true).is_err());
    account.lock().settle(&store, true).unwrap();
    assert!(Machine::run(&script(&mut Dice::new(3))).is_ok());
}
