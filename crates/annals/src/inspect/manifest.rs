//! The manifest.

use super::{Fact, Inspector};
use crate::error::OpenError;
use annals_format::{Manifest, manifest_length};
use annals_types::Uuid;

impl Inspector<'_> {
    pub(super) fn manifest(&mut self) -> Result<(), OpenError> {
        self.out.kind = "manifest";
        // It says its length, so a file that only claims to be long is not read.
        let stated = manifest_length(&self.read(0, 96)?);
        if let Some(stated) = stated.filter(|stated| *stated < self.length) {
            let what = format!("the file has {} bytes, and the manifest says {stated}", self.length);
            self.finding(Some(stated), what);
        }
        let length = self.length.min(stated.unwrap_or(self.length)).min(crate::catalog::MANIFEST_BYTES_MAX);
        let bytes = self.read(0, usize::try_from(length).unwrap_or(usize::MAX))?;
        let Some(manifest) = self.check(Manifest::decode(&bytes))? else { return Ok(()) };
        self.fact("store_id", Fact::Text(Uuid::from_bytes(manifest.store_id).to_string()));
        self.fact("generation", Fact::Number(manifest.generation));
        self.fact("segment_bytes", Fact::Number(manifest.segment_bytes));
        self.fact("durable", Fact::Number(manifest.durable.get()));
        self.fact("next_file_id", Fact::Number(manifest.next_file_id));
        self.fact("ids_indexed", Fact::Flag(manifest.ids_indexed));
        self.fact("has_rules", Fact::Flag(manifest.has_rules));
        if let Some(erasures) = &manifest.erasures {
            self.fact("erasures_requested", Fact::Number(erasures.requested));
            self.fact("erasures_finished", Fact::Number(erasures.finished));
        }
        self.fact("closed_in_good_order", Fact::Flag(manifest.clean.is_some()));
        let sealed = manifest.sealed.iter().map(|segment| segment.id).collect();
        self.fact("sealed_segments", Fact::Numbers(sealed));
        let open = manifest.open.iter().map(|segment| segment.id).collect();
        self.fact("open_segments", Fact::Numbers(open));
        self.fact("runs", Fact::Numbers(manifest.runs.iter().map(|run| run.id).collect()));
        let windows = manifest.runs.iter().filter(|run| run.file.is_some()).count() as u64;
        if windows > 0 {
            self.fact("runs_with_a_window", Fact::Number(windows));
        }
        Ok(())
    }
}
