//! The list of streams: one page of it, and where the pages before it began.

/// A stream in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct StreamRow {
    pub(in super::super) name: String,
    pub(in super::super) events: u64,
}

/// A page of the streams whose names begin with a prefix. Of the pages before it only the name that stands before each is
/// kept, so that memory does not grow with the number of streams but by one name for each page that was turned.
#[derive(Debug, Default)]
pub(in super::super) struct StreamList {
    pub(in super::super) prefix: String,
    pub(in super::super) rows: Vec<StreamRow>,
    pub(in super::super) selected: usize,
    /// Whether there are streams behind this page.
    pub(in super::super) more: bool,
    /// Behind which names this page and those before it begin; the very first one has none.
    turned: Vec<String>,
    loaded: bool,
    /// Which row to select when the page is there.
    land: Land,
}

#[derive(Clone, Copy, Debug, Default)]
enum Land {
    #[default]
    First,
    Last,
    Same,
}

impl StreamList {
    /// Behind which name the page begins that has to be loaded.
    pub(super) fn wanted(&self) -> Option<Option<String>> {
        (!self.loaded).then(|| self.turned.last().cloned())
    }

    pub(super) fn take(&mut self, rows: Vec<StreamRow>, more: bool) {
        let last = rows.len().saturating_sub(1);
        self.selected = match self.land {
            Land::First => 0,
            Land::Last => last,
            Land::Same => self.selected.min(last),
        };
        (self.rows, self.more, self.loaded) = (rows, more, true);
    }

    pub(super) fn selected_row(&self) -> Option<&StreamRow> {
        self.rows.get(self.selected)
    }

    /// How many pages were turned to come here.
    pub(in super::super) fn page(&self) -> usize {
        self.turned.len()
    }

    pub(super) fn reload(&mut self) {
        (self.loaded, self.land) = (false, Land::Same);
    }

    pub(super) fn set_prefix(&mut self, prefix: String) {
        *self = StreamList { prefix, ..StreamList::default() };
    }

    pub(super) fn first(&mut self) {
        if !self.turned.is_empty() {
            let prefix = std::mem::take(&mut self.prefix);
            self.set_prefix(prefix);
        }
        self.selected = 0;
    }

    /// To the end of the page: where the list ends is only known by going there.
    pub(super) fn last_of_page(&mut self) {
        self.selected = self.rows.len().saturating_sub(1);
    }

    pub(super) fn down(&mut self, by: usize) {
        let last = self.rows.len().saturating_sub(1);
        if self.selected < last {
            self.selected = self.selected.saturating_add(by).min(last);
        } else if self.more
            && let Some(row) = self.rows.last()
        {
            self.turned.push(row.name.clone());
            (self.loaded, self.land) = (false, Land::First);
        }
    }

    pub(super) fn up(&mut self, by: usize) {
        if self.selected > 0 {
            self.selected = self.selected.saturating_sub(by);
        } else if self.turned.pop().is_some() {
            (self.loaded, self.land) = (false, Land::Last);
        }
    }
}
