//! Progress of long work, on standard error, where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const BYTES: &str = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
const SPINNER: &str = "{spinner} {msg} {bytes} {bytes_per_sec}";
const EVENTS: &str = "{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}";

/// A bar over bytes; of unknown length without a total.
pub(crate) fn bytes(what: &'static str, total: Option<u64>) -> ProgressBar {
    bar(what, total, if total.is_some() { BYTES } else { SPINNER })
}

/// A bar over events.
pub(crate) fn events(what: &'static str, total: u64) -> ProgressBar {
    bar(what, Some(total), EVENTS)
}

fn bar(what: &'static str, total: Option<u64>, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(10));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_message(what)
}
