//! Input, line by line: plain, gzip or Zstandard, from a file or standard input, in bounded memory.

use anyhow::{Context, Result, bail};
use flate2::bufread::MultiGzDecoder;
use indicatif::ProgressBar;
use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

/// Longest line that is taken: an event with the most data and metadata fits with room to spare.
const LINE_BYTES_MAX: usize = 200 << 20;
/// How much of the line buffer is kept after a long line.
const LINE_BYTES_KEPT: usize = 1 << 20;
/// How much is read at a time.
const READ_BYTES: usize = 256 << 10;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// An open input.
pub(crate) struct Input {
    name: String,
    reader: Box<dyn BufRead>,
    line: Vec<u8>,
    number: u64,
    line_bytes_max: usize,
}

/// A line of input that is not blank.
pub(crate) struct Line<'a> {
    /// Its number, from 1.
    pub(crate) number: u64,
    /// Its text without the line break; `None` if it is longer than any event can be.
    pub(crate) text: Option<&'a [u8]>,
}

impl Input {
    /// Opens a file, or standard input for `-`. The bar follows the bytes that are read.
    pub(crate) fn open(path: &Path, bar: &ProgressBar) -> Result<Input> {
        let name = name_of(path);
        let reader = open(path, bar).with_context(|| format!("cannot read {name}"))?;
        Ok(Input::new(name, reader))
    }

    fn new(name: String, reader: Box<dyn BufRead>) -> Input {
        Input { name, reader, line: Vec::new(), number: 0, line_bytes_max: LINE_BYTES_MAX }
    }

    /// What to call it in messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The next line that is not blank.
    pub(crate) fn next_line(&mut self) -> Result<Option<Line<'_>>> {
        loop {
            self.line.clear();
            self.line.shrink_to(LINE_BYTES_KEPT);
            let read = self.read_line();
            let fits =
                read.with_context(|| format!("cannot read {} after line {}", self.name, self.number))?;
            if self.line.is_empty() {
                return Ok(None);
            }
            self.number += 1;
            if !fits || !text_of(&self.line, self.number).is_empty() {
                let text = fits.then(|| text_of(&self.line, self.number));
                return Ok(Some(Line { number: self.number, text }));
            }
        }
    }

    /// Reads one line with its line break. Of one that is too long the rest is passed over.
    fn read_line(&mut self) -> io::Result<bool> {
        let most = self.line_bytes_max as u64 + 1;
        self.reader.by_ref().take(most).read_until(b'\n', &mut self.line)?;
        if self.line.len() <= self.line_bytes_max || self.line.ends_with(b"\n") {
            return Ok(true);
        }
        self.reader.skip_until(b'\n')?;
        Ok(false)
    }
}

/// Checks that there are files to read, before anything else is done.
pub(crate) fn must_be_files(paths: &[PathBuf]) -> Result<()> {
    for path in paths.iter().filter(|path| *path != Path::new("-")) {
        let metadata = path.metadata().with_context(|| format!("cannot read {}", name_of(path)))?;
        if metadata.is_dir() {
            bail!("cannot read {}: it is a directory, name the files in it", name_of(path));
        }
    }
    Ok(())
}

/// How many bytes the files have; `None` if that cannot be known, as for standard input.
pub(crate) fn bytes_of(paths: &[PathBuf]) -> Option<u64> {
    let length = |path: &PathBuf| path.metadata().ok().filter(Metadata::is_file).map(|file| file.len());
    paths.iter().map(length).sum()
}

/// What to call an input in messages.
fn name_of(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

/// The line without its line break, the blanks around it and, on the first line, a byte order mark.
fn text_of(line: &[u8], number: u64) -> &[u8] {
    let line = if number == 1 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) } else { line };
    line.trim_ascii()
}

fn open(path: &Path, bar: &ProgressBar) -> io::Result<Box<dyn BufRead>> {
    let mut raw: Box<dyn Read> = if path == Path::new("-") {
        Box::new(bar.wrap_read(io::stdin()))
    } else {
        Box::new(bar.wrap_read(File::open(path)?))
    };
    let mut magic = Vec::new();
    raw.by_ref().take(4).read_to_end(&mut magic)?;
    let ends_in = |extension| path.extension().is_some_and(|own| own == extension);
    let gzip = magic.starts_with(GZIP_MAGIC) || ends_in("gz") && !magic.is_empty();
    let zstd = magic.starts_with(ZSTD_MAGIC) || ends_in("zst") && !magic.is_empty();
    let whole = BufReader::with_capacity(READ_BYTES, Cursor::new(magic).chain(raw));
    Ok(if gzip {
        Box::new(BufReader::with_capacity(READ_BYTES, MultiGzDecoder::new(whole)))
    } else if zstd {
        Box::new(BufReader::with_capacity(READ_BYTES, zstd::Decoder::with_buffer(whole)?))
    } else {
        Box::new(whole)
    })
}

/// What is in a file, or on standard input if the path is `-`.
pub(crate) fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    if path != Path::new("-") {
        return std::fs::read(path);
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn lines(mut input: Input) -> Vec<(u64, Option<String>)> {
        let mut found = Vec::new();
        while let Some(line) = input.next_line().unwrap() {
            found.push((line.number, line.text.map(|text| String::from_utf8_lossy(text).into_owned())));
        }
        found
    }

    fn input(bytes: &'static [u8]) -> Input {
        Input::new("x".to_owned(), Box::new(bytes))
    }

    fn line(number: u64, text: &str) -> (u64, Option<String>) {
        (number, Some(text.to_owned()))
    }

    #[test]
    fn blank_lines_line_breaks_of_all_kinds_and_a_byte_order_mark_are_passed_over() {
        let found = lines(input(b"\xef\xbb\xbfone\r\n\n  \t\r\n two \nthree"));
        assert_eq!(found, [line(1, "one"), line(4, "two"), line(5, "three")]);
        assert_eq!(lines(input(b"")), []);
        assert_eq!(lines(input(b"\xef\xbb\xbf\n")), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_told_and_passed_over() {
        let mut input = input(b"12345\n123456\n123\n123456");
        input.line_bytes_max = 5;
        assert_eq!(lines(input), [line(1, "12345"), (2, None), line(3, "123"), (4, None)]);
    }

    #[test]
    fn packed_files_are_known_by_their_first_bytes_whatever_their_name() {
        let dir = tempfile::tempdir().unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"one\n").unwrap();
        let mut gzip = gzip.finish().unwrap();
        gzip.extend_from_within(..);
        for (name, bytes, expected) in [
            ("a.jsonl", gzip.clone(), vec![line(1, "one"), line(2, "one")]),
            ("b.jsonl.gz", gzip, vec![line(1, "one"), line(2, "one")]),
            ("c.zst", zstd::encode_all(&b"one"[..], 1).unwrap(), vec![line(1, "one")]),
            ("d.gz", Vec::new(), Vec::new()),
            ("e", b"on".to_vec(), vec![line(1, "on")]),
        ] {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(lines(Input::open(&path, &ProgressBar::hidden()).unwrap()), expected, "{name}");
        }
    }

    #[test]
    fn a_packed_file_that_is_cut_off_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.zst");
        let whole = zstd::encode_all(&b"one\ntwo\n"[..], 1).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 3]).unwrap();
        let mut input = Input::open(&path, &ProgressBar::hidden()).unwrap();
        let error = loop {
            match input.next_line() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the end was not missed"),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().starts_with("cannot read "), "{error}");
    }
}
