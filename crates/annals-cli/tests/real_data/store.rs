//! The sets, imported once into stores that all tests read.

use crate::data::{Given, Set};
use crate::tool::Tool;
use annals::{AsOf, Query, Store, Timestamp, View};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// How the log of a store is cut. The answers are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One or two segments: what a new store has unless told otherwise.
    Usual,
    /// Many segments, nearly all of them sealed, each with a run of its own.
    SmallSegments,
}

impl Given {
    /// The tool on the store of this set.
    pub(crate) fn tool(&self, layout: Layout) -> Tool {
        static STORES: [OnceLock<PathBuf>; 8] = [const { OnceLock::new() }; 8];
        let index = self.set as usize * 2 + usize::from(layout == Layout::SmallSegments);
        Tool::on(STORES[index].get_or_init(|| self.imported(layout)))
    }

    /// A view of the store of this set.
    pub(crate) fn view(&self, layout: Layout) -> View {
        reading(self.tool(layout).store()).view()
    }

    fn imported(&self, layout: Layout) -> PathBuf {
        let tool = Tool::on(directory().join(format!("{}-{layout:?}", self.set.name())));
        if tool.store().exists() {
            fs::remove_dir_all(tool.store()).unwrap();
        }
        let options: &[&str] = match (layout, self.set) {
            (Layout::Usual, _) => &[],
            (Layout::SmallSegments, Set::Receipt) => &["--segment-bytes", "65536"],
            (Layout::SmallSegments, _) => &["--segment-bytes", "2097152"],
        };
        let counts = tool.import(&self.file(), options);
        assert_eq!(counts, (self.facts.events, 0), "{:?}", self.set);
        tool.store().to_owned()
    }
}

/// Opens a store to read it.
pub(crate) fn reading(path: &Path) -> Store {
    Store::options().read_only(true).open(path).unwrap()
}

/// A view as of a time on the clock of the producers.
pub(crate) fn occurred_by(view: &View, nanos: i64) -> View {
    view.as_of(AsOf::Occurred(Timestamp::from_nanos(nanos))).unwrap()
}

/// How many events a query selects: those that are read, which are as many as are counted.
pub(crate) fn count(view: &View, query: Query) -> u64 {
    let counted = view.count(query.clone()).unwrap();
    let read = view.read(query.clone()).unwrap().map(Result::unwrap).fold(0, |count, _| count + 1);
    assert_eq!(counted, read, "{query:?} at {} by {:?}", view.position(), view.occurred_by());
    read
}

/// Where the imported stores lie. They stay until the next run, which waits for its turn.
fn directory() -> PathBuf {
    static MINE: OnceLock<File> = OnceLock::new();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real-data");
    MINE.get_or_init(|| {
        fs::create_dir_all(&directory).unwrap();
        let file = File::create(directory.join("lock")).unwrap();
        file.lock().unwrap();
        file
    });
    directory
}
