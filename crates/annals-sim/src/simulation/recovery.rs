//! Crashes, and what is found after them; damage to what is not needed.

use super::machine::{Machine, wrong_open};
use super::op::{Again, Crash, Disturbance};
use crate::check::{Wrong, ensure};
use crate::fates::Left;
use crate::watch::WatchedDisk;
use annals::vfs::MemoryDisk;
use annals::{OpenError, verify_in};
use std::sync::Arc;

impl Machine {
    /// The crash that was planned happens now, and the store is opened again, perhaps after more of them.
    pub(super) fn crash(&mut self) -> Result<(), Wrong> {
        let Crash { left, again, verify, .. } = self.planned.take().unwrap_or_else(Crash::plain);
        let mut power_lost = self.lose(left, verify)?;
        for Again { reading, after, left } in again {
            self.trouble.stop_after(after);
            if reading {
                self.look_after_crash(power_lost)?;
            } else if let Some(store) = self.open()? {
                // What was shown once must stay.
                self.account.lock().settle(&store, power_lost)?;
            }
            power_lost |= self.lose(left, verify)?;
        }
        match self.open()? {
            Some(store) => {
                self.account.lock().settle(&store, power_lost)?;
                self.go_on_with(store);
                self.look_at_copies(power_lost)
            }
            None => Err(Wrong::Differs("the disk stopped though it was not told to".into())),
        }
    }

    /// Goes on with what is left. Says whether power was lost.
    fn lose(&mut self, left: Left, verify: bool) -> Result<bool, Wrong> {
        self.trouble.stop();
        let disk = left.of(&self.world.disk);
        // Whatever it does now changes nothing any more.
        let _ = self.store.clone().close();
        self.world = self.world.after(disk.clone());
        self.lose_copies(left);
        self.trouble.reboot(disk);
        if left.loses_power() {
            self.let_time_pass();
        }
        if verify {
            self.verify()?;
        }
        Ok(left.loses_power())
    }

    /// Every byte of every file is as it must be. Before anything is repaired there may be a torn tail, which is not
    /// wrong; and a store that was not made yet.
    pub(super) fn verify(&self) -> Result<(), Wrong> {
        let env = self.world.env_over(Arc::new(self.world.disk.clone()));
        match verify_in(&env, &mut |_| {}) {
            Ok(mut found) => {
                // What was done to the index is found, and said, until it is made again.
                found.findings.retain(|finding| !(self.disturbed && finding.file.starts_with("index/")));
                ensure!(found.findings.is_empty(), "verify: {:?}", found.findings);
                Ok(())
            }
            Err(OpenError::NotFound { .. }) if self.account.lock().durable == 0 => Ok(()),
            Err(error) => Err(wrong_open(&error)),
        }
    }

    /// A reader is the first to open the store after a crash.
    fn look_after_crash(&mut self, power_lost: bool) -> Result<(), Wrong> {
        let disk = WatchedDisk::new(self.world.disk.clone(), self.trouble.clone());
        let opened = self.world.options_over(disk).read_only(true).open("simulated");
        let mut account = self.account.lock();
        match opened {
            Ok(store) if self.trouble.stopped() => {
                // The tail could not be made durable, so only what is proven to be is shown.
                let shown = store.view().position().get();
                ensure!(shown <= account.model.last(), "a reader of a failing disk sees what is not proven");
                account.model.compare_beginning(&store)?;
                account.durable = account.durable.max(shown);
                Ok(())
            }
            Ok(store) => account.settle_reader(&store, power_lost),
            Err(OpenError::NotFound { .. }) if account.durable == 0 => Ok(()),
            Err(OpenError::Io { .. }) if self.trouble.stopped() => Ok(()),
            Err(error) => Err(wrong_open(&error)),
        }
    }

    /// Damages what is not needed in a closed store.
    pub(super) fn disturb(&mut self, disturbance: Disturbance) -> Result<(), Wrong> {
        let mut image = self.world.disk.image();
        let runs: Vec<String> = image.keys().filter(|path| path.starts_with("index/")).cloned().collect();
        let run = |file: usize| runs.get(file % runs.len().max(1)).cloned().unwrap_or_default();
        match disturbance {
            Disturbance::FlipRun { file, at } => {
                if let Some(bytes) = image.get_mut(&run(file)).filter(|bytes| !bytes.is_empty()) {
                    let length = bytes.len();
                    bytes[at % length] ^= 1 << (at % 8);
                }
            }
            Disturbance::CutRun { file, at } => {
                if let Some(bytes) = image.get_mut(&run(file)) {
                    bytes.truncate(at % bytes.len().max(1));
                }
            }
            Disturbance::RemoveRun { file } => drop(image.remove(&run(file))),
            Disturbance::RemoveIndex => image.retain(|path, _| !path.starts_with("index/")),
            Disturbance::Leftovers => {
                image.insert("MANIFEST.tmp".into(), vec![0xAA; 700]);
                image.insert("index/000000999999.run".into(), vec![0xAA; 700]);
                image.insert("log/000000999999.seg".into(), vec![0; 700]);
                image.insert("log/other".into(), Vec::new());
            }
        }
        let disk = MemoryDisk::from_image(image).map_err(|error| Wrong::Differs(error.to_string()))?;
        self.world = self.world.after(disk.clone());
        self.trouble.reboot(disk);
        self.disturbed = true;
        Ok(())
    }
}
