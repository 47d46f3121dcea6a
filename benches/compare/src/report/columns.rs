//! What the tables show.

/// A column: a figure of a workload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// Its head.
    pub(super) title: &'static str,
    /// The workload.
    pub(super) workload: &'static str,
    /// The figure.
    pub(super) figure: &'static str,
    /// The floor's workload and figure that it is compared with, if not the same.
    pub(super) against: Option<(&'static str, &'static str)>,
    /// Whether more of it is better.
    pub(super) more_is_better: bool,
}

impl Column {
    const fn rate(title: &'static str, workload: &'static str, figure: &'static str) -> Self {
        Column { title, workload, figure, against: None, more_is_better: true }
    }

    const fn cost(title: &'static str, workload: &'static str, figure: &'static str) -> Self {
        Column { title, workload, figure, against: None, more_is_better: false }
    }

    const fn against(self, workload: &'static str, figure: &'static str) -> Self {
        Column { against: Some((workload, figure)), ..self }
    }

    /// The floor's workload and figure that it is compared with.
    pub(super) fn reference(&self) -> (&'static str, &'static str) {
        self.against.unwrap_or((self.workload, self.figure))
    }
}

/// What the first table and the chart show.
pub(super) const SUMMARY: [Column; 22] = [
    Column::rate("W1 one writer, one event, appends/s", "w1", "per_s"),
    Column::cost("W1 p99, µs", "w1", "p99_us"),
    Column::rate("W1 direct, appends/s", "w1-direct", "per_s").against("w1", "per_s"),
    Column::rate("W2 4 writers, appends/s", "w2-4", "per_s"),
    Column::rate("W2 16 writers, appends/s", "w2-16", "per_s"),
    Column::rate("W2 64 writers, appends/s", "w2-64", "per_s"),
    Column::rate("W3 batches of 100, events/s", "w3-100", "per_s"),
    Column::rate("W3 batches of 1000, events/s", "w3-1000", "per_s"),
    Column::rate("W4 without sync, events/s", "w4", "per_s"),
    Column::rate("W5 streams of 100, streams/s", "w5", "long_per_s"),
    Column::rate("W5 streams of 10, streams/s", "w5", "short_per_s"),
    Column::rate("W6 scan, events/s", "w6", "per_s"),
    Column::rate("W6 scan, two threads, events/s", "w6", "two_per_s"),
    Column::cost("W7 ready after close, 1M, ms", "w7-clean-1m", "ready_ms"),
    Column::cost("W7 ready after kill, 1M, ms", "w7-kill-1m", "ready_ms"),
    Column::cost("W8 bytes per event", "w8", "written_bytes"),
    Column::rate("W9 1 writer, appends/s", "w9-1", "per_s"),
    Column::rate("W9 16 writers, appends/s", "w9-16", "per_s"),
    TICKETS[0],
    TICKETS[1],
    TICKETS[2],
    TICKETS[3],
];

/// Tickets, against the floor's 64 writers.
const TICKETS: [Column; 4] = [
    Column::rate("64 in flight, appends/s", "tickets-64", "per_s").against("w2-64", "per_s"),
    Column::rate("1024 in flight, appends/s", "tickets-1024", "per_s").against("w2-64", "per_s"),
    Column::rate("64 futures, appends/s", "tickets-64-future", "per_s").against("w2-64", "per_s"),
    Column::rate("1024 futures, appends/s", "tickets-1024-future", "per_s").against("w2-64", "per_s"),
];

/// The tables: their titles, and their columns.
pub(super) const TABLES: [(&str, &[Column]); 10] = [
    (
        "W1, W2: durable appends of one event, appends/s",
        &[
            Column::rate("W1", "w1", "per_s"),
            Column::rate("W1 direct", "w1-direct", "per_s").against("w1", "per_s"),
            Column::rate("W2, 4 writers", "w2-4", "per_s"),
            Column::rate("16 writers", "w2-16", "per_s"),
            Column::rate("64 writers", "w2-64", "per_s"),
        ],
    ),
    (
        "W1, W2: latency, µs",
        &[
            Column::cost("W1 p50", "w1", "p50_us"),
            Column::cost("W1 p99", "w1", "p99_us"),
            Column::cost("W1 p99.9", "w1", "p99.9_us"),
            Column::cost("4 writers p50", "w2-4", "p50_us"),
            Column::cost("4 writers p99", "w2-4", "p99_us"),
            Column::cost("16 writers p50", "w2-16", "p50_us"),
            Column::cost("16 writers p99", "w2-16", "p99_us"),
            Column::cost("64 writers p50", "w2-64", "p50_us"),
            Column::cost("64 writers p99", "w2-64", "p99_us"),
            Column::cost("64 writers p99.9", "w2-64", "p99.9_us"),
        ],
    ),
    (
        "W3, W4: batches, events/s",
        &[
            Column::rate("W3, 100", "w3-100", "per_s"),
            Column::rate("W3, 1000", "w3-1000", "per_s"),
            Column::cost("W3, 1000: p99, µs", "w3-1000", "p99_us"),
            Column::rate("W4, 100 without sync", "w4", "per_s"),
            Column::rate("W4 with a sync at the end", "w4", "with_sync_per_s"),
        ],
    ),
    (
        "W5: streams of a million events, streams/s",
        &[
            Column::rate("100 events", "w5", "long_per_s"),
            Column::cost("p50, µs", "w5", "long_p50_us"),
            Column::cost("p99, µs", "w5", "long_p99_us"),
            Column::rate("9 or 10 events", "w5", "short_per_s"),
            Column::cost("p50, µs", "w5", "short_p50_us"),
            Column::cost("p99, µs", "w5", "short_p99_us"),
        ],
    ),
    (
        "W6: scan of a million events, events/s",
        &[
            Column::rate("one thread", "w6", "per_s"),
            Column::rate("two threads", "w6", "two_per_s"),
            Column::rate("two threads to one of the floor", "w6", "two_per_s").against("w6", "per_s"),
        ],
    ),
    (
        "W7: opening, ms until a stream was read",
        &[
            Column::cost("1M, closed", "w7-clean-1m", "ready_ms"),
            Column::cost("1M, killed", "w7-kill-1m", "ready_ms"),
            Column::cost("10M, closed", "w7-clean-10m", "ready_ms"),
            Column::cost("10M, killed", "w7-kill-10m", "ready_ms"),
        ],
    ),
    (
        "W7: memory when open, MiB",
        &[
            Column::cost("1M, closed: resident", "w7-clean-1m", "resident_mib"),
            Column::cost("1M, killed: resident", "w7-kill-1m", "resident_mib"),
            Column::cost("peak", "w7-kill-1m", "peak_mib"),
            Column::cost("10M, closed: resident", "w7-clean-10m", "resident_mib"),
            Column::cost("10M, killed: resident", "w7-kill-10m", "resident_mib"),
            Column::cost("peak", "w7-kill-10m", "peak_mib"),
        ],
    ),
    (
        "W8: bytes on disk per event of 256 bytes",
        &[
            Column::cost("blocks that are not all zeros", "w8", "written_bytes"),
            Column::cost("lengths of files", "w8", "length_bytes"),
            Column::cost("allocated", "w8", "allocated_bytes"),
        ],
    ),
    (
        "W9: durable appends with an expected version, appends/s",
        &[
            Column::rate("1 writer", "w9-1", "per_s"),
            Column::cost("p99, µs", "w9-1", "p99_us"),
            Column::rate("to the same engine's unconditional", "w9-1", "to_unconditional"),
            Column::rate("16 writers", "w9-16", "per_s"),
            Column::cost("p99, µs", "w9-16", "p99_us"),
            Column::rate("to the same engine's unconditional", "w9-16", "to_unconditional"),
        ],
    ),
    ("Tickets of one thread, ratio to 64 writers of the floor", &TICKETS),
];
