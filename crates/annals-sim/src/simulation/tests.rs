//! The simulation itself: the same every time, thorough, and short when it fails.

use super::machine::Machine;
use super::op::{After, Crash, Draft, Fault, How, Op};
use super::script::script;
use super::shrink::shrink;
use super::*;
use crate::fates::Left;
use crate::model::Clauses;
use annals::Durability;
use annals::vfs::Call;
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
        assert_eq!(crash.left, Left::Synced, "{short}");
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

/// The disk has no room for the segment that the first batch of a group needs. The second one fits behind what is there, its
/// condition holds because the first one is not there, and the process is killed before it is told anything.
#[test]
fn a_batch_may_be_there_though_the_one_before_it_in_its_group_was_refused() {
    let draft = |stream: &str, event_type: &str| {
        let mut draft = Draft::plain(stream);
        draft.facts[0].event_type = event_type.into();
        draft
    };
    let mut large = draft("large", "t");
    large.facts[0].data = vec![7; 20 << 10];
    let mut second = draft("second", "T");
    second.conditions.push((Clauses(vec![(vec!["t".into()], Vec::new())]), After::Last(8)));
    // Where it has no room for a usual one, a smaller one is laid out; it is the one for the batch that has to fail.
    let alone = |(full_after, after): &(u64, u64)| {
        let fault = Fault { call: Call::Preallocate, after: *full_after, how: How::Error(28) };
        let crash = Crash { after: *after, left: Left::Killed, ..Crash::plain() };
        let ops = vec![
            Op::Append(vec![draft("first", "T")]),
            Op::Fault(fault),
            Op::Crash(crash),
            Op::Append(vec![large.clone(), second.clone()]),
        ];
        let script = Script {
            seed: 1,
            durability: Durability::Sync,
            ids: true,
            little_memory: false,
            birth: None,
            ops,
        };
        let machine = Machine::work(&script).unwrap_or_else(|wrong| panic!("{wrong}\n{script}"));
        let account = machine.account.lock();
        let streams: Vec<&str> = account.model.events.iter().map(|event| event.stream.as_str()).collect();
        machine.planned.is_none() && streams == ["first", "second"]
    };
    let mut moments = (0..4).flat_map(|full_after| (0..16).map(move |after| (full_after, after)));
    assert!(moments.any(|moment| alone(&moment)), "no crash came between its write and its acknowledgement");
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
