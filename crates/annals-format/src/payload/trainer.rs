//! Making a dictionary from samples of payloads.
//!
//! What pays in a dictionary is what occurs often. The samples are cut into as many stretches as there are to be pieces, and
//! of each the piece is taken whose 8-byte sequences occur most often in all samples; a sequence that was taken counts no
//! more. This is the algorithm COVER (Liao, Petri, Moffat, Wirth: "Effective Construction of Relative Lempel-Ziv
//! Dictionaries", WWW 2016), with a table of counts instead of a suffix array, as in the FASTCOVER of Zstandard. The best pieces
//! stand last, where the way back to them is shortest.

use super::dictionary::{DICTIONARY_BYTES_MAX, DICTIONARY_BYTES_MIN, Dictionary};
use super::rewrite::plain_parts;

/// Most bytes of samples that are kept.
const SAMPLE_BYTES_MAX: usize = 4 << 20;
/// Of one payload at most so many bytes are a sample.
const SAMPLE_BYTES_EACH: usize = 4 << 10;
/// Length of a piece. 64 and 128 bytes gave 5 to 15 % more, 1024 nothing less.
const PIECE: usize = 256;
/// Length of the sequences that are counted.
const SEQUENCE: usize = 8;
/// Bits of the table of counts: 4 MiB.
const TABLE_BITS: u32 = 20;

/// Takes records, and makes a dictionary for them. In bounded memory, however many there are: 4 MiB of samples, spread evenly
/// over all that were shown, and twice as much to make it.
#[derive(Clone, Debug)]
pub struct Trainer {
    samples: Vec<Box<[u8]>>,
    bytes: usize,
    /// One in so many is kept.
    every: u64,
    shown: u64,
}

impl Default for Trainer {
    fn default() -> Self {
        Self::new()
    }
}

impl Trainer {
    /// Without samples.
    #[must_use]
    pub fn new() -> Self {
        Trainer { samples: Vec::new(), bytes: 0, every: 1, shown: 0 }
    }

    /// Shows a record, which was verified. Payloads that are not plain teach nothing.
    pub fn show(&mut self, record: &[u8]) {
        let Some([metadata, data]) = plain_parts(record) else { return };
        self.shown += 1;
        if !self.shown.is_multiple_of(self.every) || metadata.len() + data.len() < SEQUENCE {
            return;
        }
        let metadata = &metadata[..metadata.len().min(SAMPLE_BYTES_EACH / 2)];
        let data = &data[..data.len().min(SAMPLE_BYTES_EACH / 2)];
        // The zeros are those that an encoded payload ends with.
        let sample = [metadata, data, &[0; 5]].concat();
        self.bytes += sample.len();
        self.samples.push(sample.into());
        while self.bytes > SAMPLE_BYTES_MAX {
            // Every second one goes, and from now on half as many are kept.
            let mut index = 0;
            self.samples.retain(|_| {
                index += 1;
                index % 2 == 0
            });
            self.bytes = self.samples.iter().map(|sample| sample.len()).sum();
            self.every *= 2;
        }
    }

    /// The dictionary; empty where the samples have less than some kilobytes, or nothing in common.
    #[must_use]
    pub fn finish(self) -> Dictionary {
        // A dictionary that is more than a tenth of what it is for costs more than it saves.
        let shown = self.bytes.saturating_mul(usize::try_from(self.every).unwrap_or(usize::MAX));
        let size = (shown / 10).min(DICTIONARY_BYTES_MAX);
        let all = self.samples.concat();
        drop(self.samples);
        if size < DICTIONARY_BYTES_MIN || all.len() < PIECE {
            return Dictionary::default();
        }
        Dictionary::new(Counts::of(&all).choose(&all, size))
    }
}

/// How often each sequence occurs, by its hash.
struct Counts(Vec<u32>);

impl Counts {
    fn of(all: &[u8]) -> Self {
        let mut counts = vec![0; 1 << TABLE_BITS];
        for sequence in all.windows(SEQUENCE) {
            counts[hash(sequence)] += 1;
        }
        Counts(counts)
    }

    /// Pieces of together at most `size` bytes.
    fn choose(mut self, all: &[u8], size: usize) -> Vec<u8> {
        let stretches = (size / PIECE).max(1);
        let stretch = (all.len() / stretches).max(PIECE);
        let mut pieces: Vec<(u64, &[u8])> = Vec::new();
        let (mut taken, mut from, mut in_vain) = (0, 0, 0);
        let mut seen = vec![0u16; 1 << TABLE_BITS];
        while taken < size && in_vain < stretches {
            let part = &all[from..(from + stretch).min(all.len())];
            match self.best(part, &mut seen) {
                Some((score, piece)) => {
                    for sequence in piece.windows(SEQUENCE) {
                        self.0[hash(sequence)] = 0;
                    }
                    taken += piece.len();
                    pieces.push((score, piece));
                    in_vain = 0;
                }
                None => in_vain += 1,
            }
            from += stretch;
            if from + PIECE > all.len() {
                from = 0;
            }
        }
        pieces.sort_by_key(|(score, _)| *score);
        let chosen: Vec<u8> = pieces.into_iter().flat_map(|(_, piece)| piece).copied().collect();
        chosen[chosen.len().saturating_sub(size)..].to_vec()
    }

    /// The piece of `part` whose sequences, each counted once, occur most often, without what occurs only once at its ends.
    /// `seen` is zeros, before and after.
    fn best<'a>(&self, part: &'a [u8], seen: &mut [u16]) -> Option<(u64, &'a [u8])> {
        let hashes: Vec<usize> = part.windows(SEQUENCE).map(hash).collect();
        let (mut score, mut best) = (0, (0, 0));
        let in_piece = PIECE - SEQUENCE + 1;
        for (index, entering) in hashes.iter().enumerate() {
            if seen[*entering] == 0 {
                score += u64::from(self.0[*entering]);
            }
            seen[*entering] += 1;
            if let Some(leaving) = index.checked_sub(in_piece).map(|leaving| hashes[leaving]) {
                seen[leaving] -= 1;
                if seen[leaving] == 0 {
                    score -= u64::from(self.0[leaving]);
                }
            }
            if score > best.0 {
                best = (score, (index + 1).saturating_sub(in_piece));
            }
        }
        hashes.iter().for_each(|hash| seen[*hash] = 0);
        let piece = &hashes[best.1..(best.1 + in_piece).min(hashes.len())];
        let often = |hash: &usize| self.0[*hash] > 1;
        let (first, last) = (piece.iter().position(often)?, piece.iter().rposition(often)?);
        Some((best.0, &part[best.1 + first..best.1 + last + SEQUENCE]))
    }
}

/// Any function of eight bytes that scatters well will do: what collides is taken for the same.
fn hash(sequence: &[u8]) -> usize {
    let bytes: [u8; SEQUENCE] = sequence.try_into().unwrap_or_default();
    (u64::from_le_bytes(bytes).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - TABLE_BITS)) as usize
}
