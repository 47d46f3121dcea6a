//! Which suites are expected to notice which bug, the quickest first.

use super::suite::Suite;
use annals_types::planted::Bug;

const SIMULATION: Suite = Suite::Own(&["--seeds", "200"]);
const CRASHES: Suite = Suite::Own(&["crashes", "--units", "1000"]);
const DAMAGE: Suite = Suite::Own(&["damage", "--units", "1150"]);
/// Of these every eighth one is of a store that was compacted: enough for a mistake that shows in most of them.
const DAMAGE_REMOVED: Suite = Suite::Own(&["damage", "--units", "500"]);
const FAULTS: Suite = Suite::Own(&["faults", "--units", "800"]);

/// The suites that are tried against a bug when those of its own have not noticed it.
pub(super) const GENERAL: [Suite; 4] = [SIMULATION, CRASHES, DAMAGE, FAULTS];

/// All tests of the crates, and all suites of this program.
pub(super) fn every_suite() -> Vec<Suite> {
    let tests = [vfs(""), format(""), index(""), log(""), store("")];
    GENERAL.into_iter().chain(tests).collect()
}

/// The suites for a bug.
pub(super) fn suites(bug: Bug) -> Vec<Suite> {
    vec![match bug {
        Bug::ShortWriteTakenForWhole => vfs("a_short_write_can_be_followed_by_a_full_disk"),
        Bug::ShortReadTakenForWhole => vfs("short_and_interrupted_calls_are_continued"),
        Bug::InterruptionTakenForFailure => vfs("short_and_interrupted_calls_are_continued"),
        Bug::ManifestWrittenInPlace => CRASHES,
        Bug::ManifestNotSynced => vfs("a_replaced_file_is_durable"),
        Bug::ManifestRenamedBeforeSync => CRASHES,
        Bug::ManifestNameNotSynced => vfs("a_replaced_file_is_durable"),
        Bug::LockIgnored => vfs("a_lock_holds_the_process_id_of_its_holder"),

        Bug::ChecksumWithoutSegment => format("places::"),
        Bug::RecordNotBoundToPosition => format("places::"),
        Bug::FrameHeaderChecksumNotVerified => format("flips::every_flipped_bit_of_a_frame"),
        Bug::RecordsChecksumNotVerified => format("places::records_under_the_header_of_another_frame"),
        Bug::RecordHeaderChecksumNotVerified => format("flips::every_flipped_bit_of_a_record"),
        Bug::BodyChecksumNotVerified => format("flips::every_flipped_bit_of_a_record"),
        Bug::FooterChecksumNotVerified => format("flips::every_flipped_bit_of_a_footer"),
        Bug::ManifestChecksumNotVerified => format("flips::every_flipped_bit_of_a_manifest"),

        Bug::RunIdentityNotChecked => index("agreement::a_run_of_another_store"),
        Bug::RunPageChecksumNotVerified => index("damage::damage_in_one_page"),
        Bug::VersionsBeginAnewInRuns => index("agreement::a_tag_given_twice_counts_once"),
        Bug::FilterBlockOfOtherHash => index("agreement::"),
        Bug::IdFilterAskedForWholeHash => index("agreement::"),
        Bug::MergeLeavesOutLastSource => index("merging::"),
        Bug::FirstVersionOfNewestSource => index("merging::"),
        Bug::MergedIdsNotRebased => index("merging::"),
        Bug::GapOfSurveyNotSeen => store("compaction::worker::a_stream_does_not_lose"),
        Bug::KeysNotMarked => store("keys::"),
        Bug::WindowedFileRemoved => store("compaction::windows::"),
        Bug::WindowKeepsFirstVersion | Bug::IdOutsideOfWindow => index("windows::"),
        Bug::DamagedRunSaysNotThere => store("derived::"),

        Bug::AppendWithoutSync => log("writer::a_group_of_frames_is_one_write_and_one_sync"),
        Bug::SyncBeforeWrite => log("crashes::what_a_sync_covered_survives"),
        Bug::SyncErrorIgnored => log("writer::after_a_sync_that_failed"),
        Bug::FailedSyncTriedAgain => log("writer::after_a_sync_that_failed"),
        Bug::NotPoisonedAfterFailure => log("writer::after_a_write_that_failed"),
        Bug::OldSegmentNotSyncedOnRoll => log("writer::rolling_over_makes_the_old_segment_durable"),
        Bug::DurablePositionOfWritten => log("writer::each_frame_tells_what_was_durable"),
        Bug::WrittenTakenForDurable => log("writer::only_a_sync_makes_positions_durable"),
        Bug::DurableMarkNotWritten => log("writer::a_mark_is_one_empty_frame"),
        Bug::RecordedAtFollowsTheClock => log("writer::recorded_at_never_goes_backwards"),
        Bug::LandsBehindFailure => log("submitted::what_is_behind_a_sync_that_failed"),
        Bug::LanesShareHandle => log("flights::syncs_that_run_at_once"),
        Bug::OutcomesMixedUp => log("groups::callers_that_come_while_a_group_is_worked_off"),
        Bug::SegmentNameNotSynced => log("crashes::a_segment_is_laid_out_durably"),
        Bug::FooterNotSynced => log("sealed::sealing_writes_a_footer"),
        Bug::OccurredBlockNotVerified => store("times::blocks_of_a_footer"),
        Bug::SpanNotVerified => log("walks::every_flipped_bit"),
        Bug::FooterNotMadeAgain => log("sealed::every_event_is_read"),

        Bug::SegmentHeaderNotChecked => log("recovery::r4_a_sound_header_of_another_place"),
        Bug::FramePositionNotChecked => log("r6_a_frame_of_this_segment_at_another_position"),
        Bug::FrameAtEndOfFileDropped => log("recovery::r5_a_file_that_ends_with_its_last_frame"),
        Bug::DamageCutAsTornTail => log("torn_or_damaged::r7_"),
        Bug::EvidenceBehindDamageIgnored => log("torn_or_damaged::r7_"),
        Bug::EvidenceInManifestIgnored => log("recovery::r3_"),
        Bug::EvidenceOfNextSegmentIgnored => log("recovery::r"),
        Bug::SoundFrameTakenForEvidence => log("torn_or_damaged::r6_of_two_groups"),
        Bug::LostStartWiped => log("recovery::r3_"),
        Bug::TornTailNotCut => log("torn_or_damaged::r6_"),
        Bug::RecoveredTailNotSynced => log("crashes::what_recovery_shows_survives"),
        Bug::TailNotWrittenAgain => log("crashes::what_recovery_shows_survives"),
        Bug::RecordedAtForgottenOnOpen => log("writer::recorded_at_never_goes_backwards"),

        Bug::VisibleBeforeDurable => FAULTS,
        Bug::GroupAcknowledgedThoughSyncFailed => FAULTS,
        Bug::UnknownToldAsRefusal => FAULTS,
        Bug::ExpectationWithoutStaged => store("concurrency::of_many_appends_that_expect"),
        Bug::ConditionIgnoresStaged => store("conditions::"),
        Bug::ConditionIgnoresRuns => store("conditions::"),
        Bug::ConditionIncludesItsPosition => store("conditions::"),
        Bug::CachedHeadNotMoved => unit("a_hit_is_always_the_version_last_put"),
        Bug::LostHeadForgotten => store("expectations::a_stream_that_no_cache_keeps"),
        Bug::HeadsNotedBeforeRoom => FAULTS,
        Bug::CachedNamesNotCompared => unit("names_chosen_to_collide"),
        Bug::NewSegmentIndexesIds => SIMULATION,
        Bug::DecisionIgnoresStaged => unit("decide::tests::a_decision_reads_what_is_staged"),
        Bug::DecisionBeforeDurable => store("decide::"),
        Bug::IdNotLookedUpInRuns => store("expectations::a_batch_that_is_repeated"),
        Bug::IdNotCompared => store("expectations::an_id_of_the_right_form"),
        Bug::RepetitionComparedByIdsOnly => store("expectations::an_id_that_stands_for_something_else"),
        Bug::MissingSegmentNotNoticed => store("opening::a_missing_segment_is_named"),
        Bug::OlderManifestAccepted => store("opening::an_older_manifest"),
        Bug::MissingManifestReplaced => store("opening::a_missing_manifest"),
        Bug::PiecesInWrongOrder => store("merging::a_damaged_run_of_many_segments"),
        Bug::OccurredBlockTooLong => store("times::blocks_of_a_footer"),
        Bug::CleanMarkKept => store("opening::damage_behind_the_mark_of_an_earlier_close"),
        Bug::OpenSegmentsTakenForOrphans => CRASHES,
        Bug::OrphansNotRemoved => CRASHES,
        Bug::SaltReused => store("opening::segments_of_a_copy_that_went_its_own_way"),
        Bug::ReadBeyondView => store("views::a_view_shows_nothing"),
        Bug::CountedBeyondView => store("time_travel::"),
        Bug::PartlyShownCountedWhole => store("time_travel::"),
        Bug::SegmentsOfOneTimeLeftOut => store("time_travel::"),
        Bug::ScanEndsAtHiddenSegment => store("time_travel::"),
        Bug::StretchesNotVerified => log("sparse::"),
        Bug::FrameStretchesNotVerified => format("kept::every_flipped_bit"),
        Bug::DictionaryNotVerified => log("sparse::compressed::every_flipped_bit"),
        Bug::DamagedTakenForRemoved => log("sparse::"),
        Bug::RewrittenPositionsClosed => log("sparse::"),
        Bug::RewrittenNameNotSynced => store("compaction::crashes::"),
        Bug::CompactedRemovedAtOnce => store("compaction::"),
        Bug::BackupNotSynced | Bug::RestoreMarkRemovedEarly => SIMULATION,
        Bug::BackupMarkForgetsFormer => store("backup::crashes::"),
        Bug::BackupLeavesOutMarks => store("backup::making::"),
        Bug::RemovedNotBelowFloor => store("compaction::"),
        Bug::RemovedNotAgainstCondition => store("compaction::"),
        Bug::RemovedFromTheMiddle => store("compaction::removed::"),
        Bug::GuardIgnored => store("retention::guards::"),
        Bug::CompactedAfterClose => store("compaction::worker::beside::closing"),
        Bug::LeapToTheEnd => store("time_travel::"),
        Bug::AsOfExcludesItsMoment => store("views::what_is_recorded_in_a_moment"),
        Bug::SnapshotOfOtherEvents => store("aggregate_crashes::a_snapshot_of_another_history"),
        Bug::SnapshotBeforeItsEvents => store("aggregate_crashes::a_snapshot_of_events_that_were_lost"),
        Bug::SnapshotOfOtherRules => store("aggregates::rules_that_are_registered_later"),
        Bug::SnapshotBeforeItsTime => store("aggregate_moments::a_state_at_a_moment"),
        Bug::PastNotHidden => store("retention::hidden::what_is_hidden_is_hidden_from_the_past"),
        Bug::DeletionInGroupNotSeen => store("retention::appends::a_batch_behind_a_deletion"),
        Bug::RulesNotNoted => store("retention::rules::after_a_crash_at_any_call"),
        Bug::TruncatedBeyondEnd => store("retention::appends::what_nobody_can_have_seen"),
        Bug::GoneVersionsGivenAgain => store("backup::compacted::a_deleted_stream_of_which_nothing_is_left"),
        Bug::StateOfWhatIsLeft => store("retention::states::a_truncated_stream"),
        Bug::SnapshotOfDeletedStream => store("retention::states::a_deleted_stream_begins_anew"),
        Bug::ReaderShowsWhatIsNotDurable => store("regressions::a_reader_follows_into_the_next_segment"),
        Bug::FailedMendShown => store("regressions::a_reader_whose_sync_fails"),
        Bug::CloseWithoutSync => store("closing::a_close_whose_sync_fails"),
        Bug::KeyNotSynced => store("keys::a_key_that_was_handed_out"),
        Bug::DestroyedKeyNotOverwritten => store("keys::neither_key_nor_name"),
        Bug::ErasedShownUntilDone => store("erasure::crashes::on_a_full_disk"),
        Bug::ErasureNotNoted => store("erasure::crashes::what_a_crash_has_left"),
        Bug::SnapshotsOutliveErasure => store("erasure::states::snapshots_from_the_first"),
        Bug::StateSavedAfterErasure => store("erasure::states::a_state_that_was_loaded_before"),
        Bug::BackupKeepsForgottenSnapshots => store("erasure::copies::"),
        Bug::StatesOfDeletedStay => store("erasure::states::compaction_drops"),
        Bug::ErasureFinishedBeforeLedger => store("erasure::crashes::after_a_loss_of_power"),
        Bug::DestroyedKeyComesBack => store("keys::merging::a_destroyed_key_does_not_come_back"),
        Bug::SnapshotInPlain => store("encryption::a_state_of_one_subject"),

        Bug::RepairTakesAnyState => store("repair::states::"),
        Bug::RepairTakesOldestEdition => DAMAGE_REMOVED,
        Bug::RepairBelievesOlderEdition => store("repair::compacted::editions::"),
        Bug::RepairClosesGaps => DAMAGE_REMOVED,
        Bug::RepairForgetsRemoved => DAMAGE_REMOVED,
        Bug::RepairForgetsErasures => DAMAGE,
        Bug::RepairTakesLostForRemoved => DAMAGE_REMOVED,
        Bug::RepairTakesRemovedForLost => DAMAGE_REMOVED,
        Bug::RepairLosesDictionary => DAMAGE_REMOVED,
        Bug::RepairEndsAtRemovedEnd => store("repair::sparse_losses::"),
        Bug::RepairSeeksPlainRecordsOnly => store("repair::sparse_losses::"),
        Bug::LostStaysAmongRemoved => store("repair::sparse_losses::"),
    }]
}

fn unit(named: &'static str) -> Suite {
    Suite::Tests { package: "annals", target: "lib", named }
}

fn vfs(named: &'static str) -> Suite {
    Suite::Tests { package: "annals-vfs", target: "lib", named }
}

fn format(named: &'static str) -> Suite {
    Suite::Tests { package: "annals-format", target: "it", named }
}

fn index(named: &'static str) -> Suite {
    Suite::Tests { package: "annals-index", target: "index", named }
}

fn log(named: &'static str) -> Suite {
    Suite::Tests { package: "annals-wal", target: "it", named }
}

fn store(named: &'static str) -> Suite {
    Suite::Tests { package: "annals", target: "it", named }
}
