//! The table and the chart of what was measured.

mod cell;
mod chart;
mod columns;
mod number;
mod table;

pub use chart::draw;
pub use table::markdown;
