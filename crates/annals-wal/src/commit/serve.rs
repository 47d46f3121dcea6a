//! Leading for callers that do not wait.

use super::{CommitQueue, GroupSink};

impl<S: GroupSink> CommitQueue<S> {
    /// Says that a thread is going to [`CommitQueue::serve`]. `false` if it need not, because serving was ended.
    pub fn begin_serving(&self) -> bool {
        let mut queue = self.queue.lock();
        queue.servers += usize::from(!queue.servers_stop);
        !queue.servers_stop
    }

    /// Says that a thread that was going to serve is not.
    pub fn give_up_serving(&self) {
        drop(Serving(self));
    }

    /// Leads groups of which nobody waits for an item, until [`CommitQueue::end_serving`] is called and nothing is left to be
    /// led. Said with [`CommitQueue::begin_serving`] before. Of several threads that serve, one forms the next group while
    /// another one waits for the disk.
    pub fn serve(&self) {
        let serving = Serving(self);
        let mut lead = false;
        loop {
            if lead {
                self.lead();
            }
            let mut end = false;
            self.servers.sleep_unless(|| {
                let mut queue = self.queue.lock();
                queue.server_called = false;
                lead = queue.take_lead();
                // What cannot be led yet keeps this thread: whoever gives up the lead, or a lane, calls it again.
                end = queue.servers_stop && queue.items.is_empty();
                lead || end
            });
            if end {
                drop(serving);
                return;
            }
        }
    }

    /// Has all who serve end, once nothing is left to be led.
    pub fn end_serving(&self) {
        self.queue.lock().servers_stop = true;
        self.servers.wake_all();
    }

    /// Whether anybody leads for those who do not wait.
    pub(super) fn is_served(&self) -> bool {
        self.queue.lock().servers > 0
    }
}

/// A thread that serves, until it returns or panics.
struct Serving<'q, S: GroupSink>(&'q CommitQueue<S>);

impl<S: GroupSink> Drop for Serving<'_, S> {
    fn drop(&mut self) {
        {
            let mut queue = self.0.queue.lock();
            queue.servers -= 1;
            queue.server_called = false;
        }
        // Who ends was called for all of them; who panicked leaves its work to the others.
        self.0.servers.wake_one();
    }
}
