//! What a simulation asks the store, and what others see of it meanwhile.

use super::machine::{Held, Machine, wrong_open};
use crate::check::{Wrong, answers, ensure, events};
use crate::model::{Moment, Picture, Question};
use annals::ReadError;
use std::time::Duration;

impl Machine {
    /// Asks; if a call fails meanwhile there may be an error, and then the next answer is right.
    fn asking(&self, ask: impl Fn() -> Result<(), Wrong>) -> Result<(), Wrong> {
        let fired = self.trouble.fired();
        match ask() {
            Err(Wrong::Read(ReadError::Io { .. })) if self.has_trouble(fired) => ask(),
            result => result,
        }
    }

    pub(super) fn ask(&self, question: &Question, moment: &Moment) -> Result<(), Wrong> {
        let (view, picture) = (self.store.view(), Picture::of(&self.account.lock().model));
        self.asking(|| answers(&view, &picture, question, moment))
    }

    pub(super) fn look(&self) -> Result<(), Wrong> {
        for Held { view, picture, .. } in &self.held {
            ensure!(view.position().get() == picture.last(), "a kept view has another end");
            self.asking(|| events(view, picture))?;
            let middle = Moment { position: Some(picture.last() / 2), ..Moment::default() };
            let backwards = Question { backwards: true, ..Question::default() };
            self.asking(|| answers(view, picture, &backwards, &middle))?;
        }
        Ok(())
    }

    /// What others see is a beginning of what was acknowledged, it is durable, and it does not get less.
    pub(super) fn observe(&mut self) -> Result<(), Wrong> {
        self.trouble.disarm();
        let mut account = self.account.lock();
        let reader = self.world.options().read_only(true).open("simulated");
        let reader = reader.map_err(|error| wrong_open(&error))?;
        let follower = self.reader.get_or_insert_with(|| reader.clone());
        let before = follower.last_position();
        follower.wait_beyond(before, Duration::ZERO)?;
        ensure!(follower.last_position() >= before, "what a reader has seen is gone");
        let durable = self.store.stats()?.durable_position.get();
        for store in [&reader, &*follower] {
            let seen = store.last_position().get();
            ensure!(seen <= durable, "a reader sees {seen}, and durable is {durable}");
            ensure!(seen <= account.model.last(), "a reader sees {seen}, which nobody was told of");
            account.model.compare_beginning(store)?;
            account.durable = account.durable.max(seen);
        }
        // What the store itself takes for durable must be, too.
        account.durable = account.durable.max(durable.min(account.model.last()));
        Ok(())
    }
}
