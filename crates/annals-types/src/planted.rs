//! Known mistakes, to be planted on purpose: what no suite notices, no suite proves.
//!
//! Each place in the engine where a mistake can be planted asks [`planted`]. Without the feature `planted` of this
//! crate the answer is a constant, and nothing of it is in the program. With it, the environment variable
//! `ANNALS_PLANTED` names the one mistake that is made. `annals-sim planted` runs the suites against all of them.
//!
//! The tests of the workspace are built with it, because `annals-sim` asks for it when it is tested: so the binaries that find nothing
//! wrong without a mistake are those that have to find one with it. What is built to be used never has it.

macro_rules! bugs {
    ($($(#[doc = $what:literal])+ $bug:ident = $name:literal,)+) => {
        /// A mistake that an engineer could make: what is wrong, and what promise it breaks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Bug {
            $($(#[doc = $what])+ $bug,)+
        }

        impl Bug {
            /// All of them, in the order of the layers.
            pub const ALL: &[Bug] = &[$(Bug::$bug),+];

            /// Its name, as the environment variable has it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Bug::$bug => $name,)+
                }
            }
        }
    };
}

bugs! {
    // Calls to the disk.

    /// What a short write left out is not written. An acknowledged batch is not on the disk.
    ShortWriteTakenForWhole = "short-write-taken-for-whole",
    /// A short read ends the reading. What is durable seems not to be there.
    ShortReadTakenForWhole = "short-read-taken-for-whole",
    /// `EINTR` is an error. A signal poisons the store.
    InterruptionTakenForFailure = "interruption-taken-for-failure",
    /// The manifest is overwritten at its own name. A crash meanwhile leaves none, or half of one.
    ManifestWrittenInPlace = "manifest-written-in-place",
    /// The manifest is renamed with its bytes in the page cache only. A loss of power leaves its name with anything.
    ManifestNotSynced = "manifest-not-synced",
    /// The manifest is renamed first and synced then. As before, in the moment between.
    ManifestRenamedBeforeSync = "manifest-renamed-before-sync",
    /// The root is not synced after the renaming. The old manifest comes back, which does not name what was appended to.
    ManifestNameNotSynced = "manifest-name-not-synced",
    /// A lock that somebody holds is taken all the same. Two writers write one log.
    LockIgnored = "lock-ignored",

    // Bytes and checksums.

    /// Checksums do not depend on segment and salt. Bytes of another segment are taken for this one's.
    ChecksumWithoutSegment = "checksum-without-segment",
    /// The checksum of a record does not depend on its position. Another event is read in an event's place.
    RecordNotBoundToPosition = "record-not-bound-to-position",
    /// Damage in the header of a frame is believed: wrong positions, times, evidence.
    FrameHeaderChecksumNotVerified = "frame-header-checksum-not-verified",
    /// A frame may have the records of another one. Half of a batch is taken for a whole.
    RecordsChecksumNotVerified = "records-checksum-not-verified",
    /// Damage in the header of a record is believed: wrong versions and times are shown.
    RecordHeaderChecksumNotVerified = "record-header-checksum-not-verified",
    /// Damage in an event's data is shown to the reader.
    BodyChecksumNotVerified = "body-checksum-not-verified",
    /// Damage in a footer is believed.
    FooterChecksumNotVerified = "footer-checksum-not-verified",
    /// Damage in the manifest is believed.
    ManifestChecksumNotVerified = "manifest-checksum-not-verified",

    // The index.

    /// A run of another store, segment or time is believed. Events are not found, or others are.
    RunIdentityNotChecked = "run-identity-not-checked",
    /// Damage in a run is believed. Events are not found, or others are.
    RunPageChecksumNotVerified = "run-page-checksum-not-verified",
    /// A run forgets the versions of the segments before. Expectations are checked against wrong ones.
    VersionsBeginAnewInRuns = "versions-begin-anew-in-runs",
    /// A filter is asked about the wrong block, and says that a name is not in a run. Events are not found.
    FilterBlockOfOtherHash = "filter-block-of-other-hash",
    /// The filter of ids is asked about a longer hash than it was made of. Repetitions are not recognised.
    IdFilterAskedForWholeHash = "id-filter-asked-for-whole-hash",
    /// A merge leaves out what the last of its sources says of a name. Events are not found.
    MergeLeavesOutLastSource = "merge-leaves-out-last-source",
    /// A merge takes the first version of a stream from its newest source. Versions jump.
    FirstVersionOfNewestSource = "first-version-of-newest-source",
    /// Positions of ids are taken over as they stand in the source. Ids lead to other events.
    MergedIdsNotRebased = "merged-ids-not-rebased",
    /// What a run has of a stream before its window is not counted. Versions begin too low.
    WindowKeepsFirstVersion = "window-keeps-first-version",
    /// Nothing in the key file proves that the last write was whole. Damage in it takes its keys away.
    KeysNotMarked = "keys-not-marked",
    /// The file of a run goes though another window of it still counts.
    WindowedFileRemoved = "windowed-file-removed",
    /// Ids of positions outside of a run's window are found, and merged.
    IdOutsideOfWindow = "id-outside-of-window",
    /// A damaged run says that there is no such stream instead of being made again.
    DamagedRunSaysNotThere = "damaged-run-says-not-there",

    // Writing the log.

    /// Batches are acknowledged without a sync. A loss of power takes them.
    AppendWithoutSync = "append-without-sync",
    /// The sync comes before the write that it is for, so each batch waits for the sync of the next one.
    SyncBeforeWrite = "sync-before-write",
    /// The error of a sync is dropped. What is acknowledged may be lost.
    SyncErrorIgnored = "sync-error-ignored",
    /// A sync that failed is tried again and then believed. The pages that the first one lost stay lost.
    FailedSyncTriedAgain = "failed-sync-tried-again",
    /// After a write or sync that failed, appends go on behind bytes of which nothing is known.
    NotPoisonedAfterFailure = "not-poisoned-after-failure",
    /// The next segment is begun while the one before is not durable. A loss of power leaves a hole.
    OldSegmentNotSyncedOnRoll = "old-segment-not-synced-on-roll",
    /// Frames tell what is written as durable. After a crash, a torn tail is taken for damage.
    DurablePositionOfWritten = "durable-position-of-written",
    /// What is written under `os` durability counts as durable, so `Store::sync` does nothing.
    WrittenTakenForDurable = "written-taken-for-durable",
    /// The mark of what is durable is never written. Damage to the last batch is cut like a torn tail for ever.
    DurableMarkNotWritten = "durable-mark-not-written",
    /// `recorded_at` goes backwards with the clock. Reading as of a time finds the wrong cut.
    RecordedAtFollowsTheClock = "recorded-at-follows-the-clock",
    /// A group is acknowledged though one before it failed. There is a hole in the log in front of it.
    LandsBehindFailure = "lands-behind-failure",
    /// Syncs that run at once share a handle of the file, so that an error is told to the wrong group.
    LanesShareHandle = "lanes-share-handle",
    /// The callers of a group get each other's outcomes.
    OutcomesMixedUp = "outcomes-mixed-up",
    /// A new segment's name is not made durable. A loss of power takes the file and what was acknowledged in it.
    SegmentNameNotSynced = "segment-name-not-synced",
    /// A segment is sealed while its footer is in the page cache only. After a loss of power it is too short.
    FooterNotSynced = "footer-not-synced",
    /// The range of occurred_at of a block is believed though its page is damaged. Events are hidden.
    OccurredBlockNotVerified = "occurred-block-not-verified",
    /// A span of a sealed segment is believed though its bytes are not what was summed up. Damage is shown to the reader.
    SpanNotVerified = "span-not-verified",
    /// A damaged footer makes events unreadable that are sound, instead of being made again.
    FooterNotMadeAgain = "footer-not-made-again",

    // Recovery.

    /// The header of another segment is accepted. Events of somewhere else are shown.
    SegmentHeaderNotChecked = "segment-header-not-checked",
    /// A frame is taken whatever its position. An old one behind the tail comes to life.
    FramePositionNotChecked = "frame-position-not-checked",
    /// A frame that ends with the file is left out (off by one). The last batch is not there.
    FrameAtEndOfFileDropped = "frame-at-end-of-file-dropped",
    /// Bytes that are no frame are always a torn tail. Damage to acknowledged batches is cut without a word.
    DamageCutAsTornTail = "damage-cut-as-torn-tail",
    /// What later frames tell as durable is not looked at. As before, with only the manifest to tell.
    EvidenceBehindDamageIgnored = "evidence-behind-damage-ignored",
    /// What the manifest tells as durable is not looked at. A log that lost its end is opened.
    EvidenceInManifestIgnored = "evidence-in-manifest-ignored",
    /// A later segment does not prove the ones before it. A hole in the log is opened or misjudged.
    EvidenceOfNextSegmentIgnored = "evidence-of-next-segment-ignored",
    /// Any sound frame behind a bad one proves damage. After a crash a good store is refused.
    SoundFrameTakenForEvidence = "sound-frame-taken-for-evidence",
    /// A segment that lost its header is wiped, whatever was durable in it.
    LostStartWiped = "lost-start-wiped",
    /// A torn tail is left where it is. Frames in it line up with what is written later.
    TornTailNotCut = "torn-tail-not-cut",
    /// The tail is shown before it is durable. What was seen after one crash is gone after the next.
    RecoveredTailNotSynced = "recovered-tail-not-synced",
    /// The tail is synced without being written again. After a sync that had failed, the disk does not have it.
    TailNotWrittenAgain = "tail-not-written-again",
    /// `recorded_at` begins anew with every opening, so it goes backwards with the clock.
    RecordedAtForgottenOnOpen = "recorded-at-forgotten-on-open",

    // The store.

    /// Events are shown while they are not durable. What a reader saw is gone after a crash.
    VisibleBeforeDurable = "visible-before-durable",
    /// The sync of a group fails, and its callers are told that all is well.
    GroupAcknowledgedThoughSyncFailed = "group-acknowledged-though-sync-failed",
    /// Where nobody knows whether a batch is durable, the caller is told that it was refused. It may come back.
    UnknownToldAsRefusal = "unknown-told-as-refusal",
    /// An expectation is checked without the batches before it in its group. Two appends of one version succeed.
    ExpectationWithoutStaged = "expectation-without-staged",
    /// A condition is checked without the batches before it in its group. Two appends that exclude each other succeed.
    ConditionIgnoresStaged = "condition-ignores-staged",
    /// A condition is not checked against runs. What was appended before the last segment was begun is not seen.
    ConditionIgnoresRuns = "condition-ignores-runs",
    /// The event at a condition's position speaks against it, too. Whoever has seen it can never append.
    ConditionIncludesItsPosition = "condition-includes-its-position",
    /// The head of a stream in the cache stays as it is when the stream grows. Versions are given twice.
    CachedHeadNotMoved = "cached-head-not-moved",
    /// Nobody is told that the cache of heads has lost one. A stream that grows twice in a group gets a version twice.
    LostHeadForgotten = "lost-head-forgotten",
    /// Heads are remembered of a batch that finds no room. The next one leaves a gap in the versions.
    HeadsNotedBeforeRoom = "heads-noted-before-room",
    /// Heads are found by a part of the hash alone. Streams get each other's versions.
    CachedNamesNotCompared = "cached-names-not-compared",
    /// The index of a new segment has ids whatever the store was made with. Ids are found until it is sealed.
    NewSegmentIndexesIds = "new-segment-indexes-ids",
    /// A decision does not see what others have staged. It is made on what is not so any more.
    DecisionIgnoresStaged = "decision-ignores-staged",
    /// What a decision says is handed out before what it saw is durable. A crash takes what it was founded on.
    DecisionBeforeDurable = "decision-before-durable",
    /// A repetition is not recognised once its events are in a run. It is stored twice.
    IdNotLookedUpInRuns = "id-not-looked-up-in-runs",
    /// The event at the place where an id may be is not asked for its id. Ids that nobody stored are taken.
    IdNotCompared = "id-not-compared",
    /// A batch with known ids counts as repeated, whatever its events say. They are dropped without a word.
    RepetitionComparedByIdsOnly = "repetition-compared-by-ids-only",
    /// A sealed segment that is not there is not noticed when the store is opened.
    MissingSegmentNotNoticed = "missing-segment-not-noticed",
    /// A manifest that is older than the log is accepted, and newer segments are removed as orphans.
    OlderManifestAccepted = "older-manifest-accepted",
    /// A store that lost its manifest is made an empty one.
    MissingManifestReplaced = "missing-manifest-replaced",
    /// The runs that take the place of a damaged one come in the wrong order. Events are not found.
    PiecesInWrongOrder = "pieces-in-wrong-order",
    /// The search for an occurred time passes over one event behind each block that has none. A later one is found.
    OccurredBlockTooLong = "occurred-block-too-long",
    /// The mark of a close in good order stays while the log goes on. Damage behind it is not looked for.
    CleanMarkKept = "clean-mark-kept",
    /// Open segments are removed as orphans. The next opening does not find them.
    OpenSegmentsTakenForOrphans = "open-segments-taken-for-orphans",
    /// What a crash left behind stays. Its name is taken when the next segment wants it.
    OrphansNotRemoved = "orphans-not-removed",
    /// All segments have the same salt. Segments of a copy that went its own way are taken for this store's.
    SaltReused = "salt-reused",
    /// A view is not bounded by its position. It shows what came after it.
    ReadBeyondView = "read-beyond-view",
    /// Names are counted in the index to its end, not to the view's. A view of an earlier moment counts what came later.
    CountedBeyondView = "counted-beyond-view",
    /// Where some of a segment had occurred by a time, all of it is counted.
    PartlyShownCountedWhole = "partly-shown-counted-whole",
    /// Of several segments that were begun in one moment, only the first counts as recorded by it.
    SegmentsOfOneTimeLeftOut = "segments-of-one-time-left-out",
    /// A scan as of a time ends where the first segment is that has nothing of that time. What lies behind it is not found.
    ScanEndsAtHiddenSegment = "scan-ends-at-hidden-segment",
    /// The stretches of a footer are believed as they are. Events seem to have been removed that are there.
    StretchesNotVerified = "stretches-not-verified",
    /// The table of positions of a frame is believed as it is. Records are looked for at wrong positions.
    FrameStretchesNotVerified = "frame-stretches-not-verified",
    /// The bytes of a dictionary are believed as they are. Damaged ones make wrong payloads.
    DictionaryNotVerified = "dictionary-not-verified",
    /// In a damaged segment of which events were removed, what cannot be found is taken for removed. Damage is passed over.
    DamagedTakenForRemoved = "damaged-taken-for-removed",
    /// Where compaction removes events, those behind them get their positions.
    RewrittenPositionsClosed = "rewritten-positions-closed",
    /// The name of a file that compaction has written is not synced. The manifest may name a file that is not there.
    RewrittenNameNotSynced = "rewritten-name-not-synced",
    /// Files that compaction has replaced are removed at once. Who reads them finds nothing.
    CompactedRemovedAtOnce = "compacted-removed-at-once",
    /// What a backup copies is not synced. After a loss of power it is not there, though the backup was told to be.
    BackupNotSynced = "backup-not-synced",
    /// The mark of a backup forgets the state before it while the old manifest is still there. After a crash the backup seems to
    /// have been written by somebody else.
    BackupMarkForgetsFormer = "backup-mark-forgets-former",
    /// The marks at the end of a full segment are left out of a backup. The next one takes its own copy for another store's.
    BackupLeavesOutMarks = "backup-leaves-out-marks",
    /// A restore says that it has ended before its manifest is there. After a crash the directory is neither a store nor one that a
    /// restore may go on with.
    RestoreMarkRemovedEarly = "restore-mark-removed-early",
    /// Once a rule is taken back, what it has let go seems never to have been. States are folded from what is left.
    RemovedNotBelowFloor = "removed-not-below-floor",
    /// A condition that looks back to where events were removed is taken to hold.
    RemovedNotAgainstCondition = "removed-not-against-condition",
    /// Events of a stream are removed though others before them stay. What is left seems to be whole.
    RemovedFromTheMiddle = "removed-from-the-middle",
    /// Of a stream what lies between two segments that are looked at is taken to go as well. It stays, and what is behind it goes.
    GapOfSurveyNotSeen = "gap-of-survey-not-seen",
    /// Guards are stored, and compaction does not mind them. What a consumer has not read yet is gone.
    GuardIgnored = "guard-ignored",
    /// Closing does not wait for the worker that compacts. It goes on in files that may be somebody else's by then.
    CompactedAfterClose = "compacted-after-close",
    /// What is hidden is leapt over to the end of the log. What is shown behind it is not found.
    LeapToTheEnd = "leap-to-the-end",
    /// A view as of a time does not show what was recorded in that very moment.
    AsOfExcludesItsMoment = "as-of-excludes-its-moment",
    /// A snapshot is used though other events stand where those stood that it was taken behind.
    SnapshotOfOtherEvents = "snapshot-of-other-events",
    /// A snapshot is put though the events behind which it was taken may still be lost.
    SnapshotBeforeItsEvents = "snapshot-before-its-events",
    /// A snapshot is used though other rules to read events by have been registered since.
    SnapshotOfOtherRules = "snapshot-of-other-rules",
    /// A snapshot counts as one of a time by which not all of its events had occurred.
    SnapshotBeforeItsTime = "snapshot-before-its-time",
    /// What is hidden shows in views of earlier moments.
    PastNotHidden = "past-not-hidden",
    /// An append does not see a deletion before it in its group. A closed stream goes on.
    DeletionInGroupNotSeen = "deletion-in-group-not-seen",
    /// The manifest does not tell that there are rules of retention. After reopening nothing is hidden.
    RulesNotNoted = "rules-not-noted",
    /// A stream is truncated before a version that it does not have. What comes there is hidden unseen.
    TruncatedBeyondEnd = "truncated-beyond-end",
    /// A stream whose deleted events are all gone begins at version 1 again. What is appended to it is hidden.
    GoneVersionsGivenAgain = "gone-versions-given-again",
    /// A state is folded from what is left of a stream as if that were all. It is another state.
    StateOfWhatIsLeft = "state-of-what-is-left",
    /// A snapshot of a stream that was deleted is used for the stream that came after it.
    SnapshotOfDeletedStream = "snapshot-of-deleted-stream",
    /// A reader beside a writer sees what is not durable yet.
    ReaderShowsWhatIsNotDurable = "reader-shows-what-is-not-durable",
    /// A reader that could not make the tail durable shows it all the same.
    FailedMendShown = "failed-mend-shown",
    /// Closing leaves the sync to the cutting of unused space, whose errors are dropped. What was written under `os`
    /// durability may be lost although the store says that it is closed in good order.
    CloseWithoutSync = "close-without-sync",
    /// A new key is handed out before it is durable. A loss of power leaves payloads that nobody can ever read.
    KeyNotSynced = "key-not-synced",
    /// A destroyed key is only noted as destroyed. Its bytes are still in the file.
    DestroyedKeyNotOverwritten = "destroyed-key-not-overwritten",
    /// A payload that is being erased is shown until that is done. Who reads meanwhile keeps it.
    ErasedShownUntilDone = "erased-shown-until-done",
    /// The manifest does not tell of a request to erase. After a crash nobody goes on with it.
    ErasureNotNoted = "erasure-not-noted",
    /// An erasure counts as done as soon as its segments are written. Snapshots of what was erased stay.
    SnapshotsOutliveErasure = "snapshots-outlive-erasure",
    /// A state that was loaded before its events were erased is saved afterwards. What was erased is back.
    StateSavedAfterErasure = "state-saved-after-erasure",
    /// Snapshots that a backup took before something was erased stay in it beside a log of afterwards. What was erased is in the backup.
    BackupKeepsForgottenSnapshots = "backup-keeps-forgotten-snapshots",
    /// Snapshots of deleted and closed streams are left by compaction. Their states stay on the disk for ever.
    StatesOfDeletedStay = "states-of-deleted-stay",
    /// A request to erase counts as finished before the ledger is told. After a crash nobody knows any more what was erased.
    ErasureFinishedBeforeLedger = "erasure-finished-before-ledger",
    /// A state of encrypted events is saved in plain. It outlives the key that was to erase it.
    SnapshotInPlain = "snapshot-in-plain",
    /// A key that was destroyed comes back with an old copy of the key file.
    DestroyedKeyComesBack = "destroyed-key-comes-back",

    // Repair.

    /// A repair takes over every sound snapshot, also of events that it could not keep. Others get their versions, and the state of
    /// what is gone is taken for theirs.
    RepairTakesAnyState = "repair-takes-any-state",
    /// A repair takes the oldest edition of a segment. What was removed and erased comes back.
    RepairTakesOldestEdition = "repair-takes-oldest-edition",
    /// An older edition of a segment, which is left where the newest one and the manifest are damaged, is taken as it is. What stands behind
    /// removed versions contradicts it, and is given up.
    RepairBelievesOlderEdition = "repair-believes-older-edition",
    /// What stands behind removed events gets the positions behind those before them. Every checkpoint points to other events.
    RepairClosesGaps = "repair-closes-gaps",
    /// The new store does not know what was removed, and the ledger is not told any more.
    RepairForgetsRemoved = "repair-forgets-removed",
    /// Requests to erase that are under way count as finished. What is to go is shown, and stays.
    RepairForgetsErasures = "repair-forgets-erasures",
    /// What nothing tells of counts as removed for certain. A loss is not told.
    RepairTakesLostForRemoved = "repair-takes-lost-for-removed",
    /// Stretches of a footer are not looked at. What was removed is told as lost, and conditions pass over it.
    RepairTakesRemovedForLost = "repair-takes-removed-for-lost",
    /// The dictionary in front of a segment is taken for an empty frame. Every compressed payload is lost.
    RepairLosesDictionary = "repair-loses-dictionary",
    /// A segment that begins behind what was removed at the end of the one before it is left out without a manifest.
    RepairEndsAtRemovedEnd = "repair-ends-at-removed-end",
    /// Compressed records are not looked for around damage. A bit costs a whole batch.
    RepairSeeksPlainRecordsOnly = "repair-seeks-plain-records-only",
    /// A lost event stays where those before and behind it are removed. A version is missing, and nothing is compacted any more.
    LostStaysAmongRemoved = "lost-stays-among-removed",
}

/// Whether this mistake is to be made: never, without the feature.
#[cfg(not(feature = "planted"))]
#[must_use]
#[inline(always)]
pub const fn planted(_bug: Bug) -> bool {
    false
}

/// Whether this mistake is to be made: if the environment variable `ANNALS_PLANTED` names it.
///
/// # Panics
/// If the variable has another name, for then nothing would be planted.
#[cfg(feature = "planted")]
#[must_use]
#[inline]
pub fn planted(bug: Bug) -> bool {
    use std::sync::atomic::{AtomicUsize, Ordering};
    const NOT_LOOKED: usize = 0;
    const NONE: usize = 1;
    /// One of these, or the number of the mistake behind them. It is asked for with every checksum, so that is all there is to it.
    static CHOSEN: AtomicUsize = AtomicUsize::new(NOT_LOOKED);

    #[cold]
    fn look() -> usize {
        let chosen = std::env::var("ANNALS_PLANTED").map_or(NONE, |name| {
            let found = Bug::ALL.iter().position(|bug| bug.name() == name);
            assert!(found.is_some(), "ANNALS_PLANTED is {name:?}, which is no known bug");
            found.map_or(NONE, |index| index + 1 + NONE)
        });
        CHOSEN.store(chosen, Ordering::Relaxed);
        chosen
    }

    let chosen = match CHOSEN.load(Ordering::Relaxed) {
        NOT_LOOKED => look(),
        chosen => chosen,
    };
    chosen == bug as usize + 1 + NONE
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_bug_has_a_name_of_its_own_in_small_letters_and_hyphens() {
        let names: HashSet<&str> = Bug::ALL.iter().map(|bug| bug.name()).collect();
        assert_eq!(names.len(), Bug::ALL.len());
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
    }
}
