//! Real events from files of JSON Lines.

use serde_json::value::RawValue;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};

/// An event as a line has it.
#[derive(serde::Deserialize)]
pub struct Line<'a> {
    /// Its stream.
    pub stream: String,
    /// Its type.
    pub r#type: String,
    /// Its data, as they stand there.
    #[serde(borrow)]
    pub data: &'a RawValue,
    /// Its metadata, as they stand there.
    #[serde(borrow)]
    pub metadata: &'a RawValue,
}

/// Hands over each event of a file, plain or `.gz`, in the order of its lines.
///
/// # Errors
/// If the file cannot be read, a line is none, or `take` says so.
pub fn each_event(
    path: &str,
    mut take: impl FnMut(Line<'_>) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let file = File::open(path)?;
    let reader: Box<dyn Read> = if path.ends_with(".gz") {
        Box::new(flate2::read::MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    for line in BufReader::new(reader).lines() {
        take(serde_json::from_str(&line?)?)?;
    }
    Ok(())
}
