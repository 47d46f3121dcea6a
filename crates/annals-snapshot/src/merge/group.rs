//! Which snapshots of a key are still wanted.

use annals_format::snapshot::SnapshotKey;
use annals_types::Version;

/// Different names under one key from which on nothing is dropped: nobody has so many by chance.
const MEMBERS_MAX: usize = 64;

/// The snapshots of one key, which come from the newest to the oldest.
#[derive(Debug, Default)]
pub(crate) struct Group {
    key: Option<SnapshotKey>,
    members: Vec<Member>,
}

/// A stream and a tag. There is one for each key, unless names have the same hashes.
#[derive(Debug)]
struct Member {
    stream: Box<str>,
    tag: Box<str>,
    last: Version,
    count: u64,
}

impl Group {
    /// Goes on to a key; says whether it is another one.
    pub(crate) fn enter(&mut self, key: SnapshotKey) -> bool {
        let other = self.key != Some(key);
        if other {
            self.key = Some(key);
            self.members.clear();
        }
        other
    }

    /// Whether a snapshot is still wanted, behind those that were taken.
    pub(crate) fn wants(&self, stream: &str, tag: &str, version: Version, keep: Option<u64>) -> bool {
        match self.members.iter().find(|member| &*member.stream == stream && &*member.tag == tag) {
            Some(member) => member.last != version && keep.is_none_or(|keep| member.count < keep),
            None => keep != Some(0),
        }
    }

    /// Takes a snapshot for one that is there.
    pub(crate) fn take(&mut self, stream: &str, tag: &str, version: Version) {
        let room = self.members.len() < MEMBERS_MAX;
        let known = self.members.iter_mut().find(|member| &*member.stream == stream && &*member.tag == tag);
        match known {
            Some(member) if member.last == version => {}
            Some(member) => {
                member.last = version;
                member.count += 1;
            }
            None if room => {
                self.members.push(Member { stream: stream.into(), tag: tag.into(), last: version, count: 1 });
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SnapshotKey {
        SnapshotKey { stream: 1, tag: 1 }
    }

    #[test]
    fn names_with_the_same_hashes_do_not_drop_each_other() {
        let mut group = Group::default();
        assert!(group.enter(key()));
        group.take("one", "t", Version::new(3));
        assert!(!group.wants("one", "t", Version::new(3), None));
        assert!(!group.wants("one", "t", Version::new(2), Some(1)));
        assert!(group.wants("other", "t", Version::new(3), Some(1)));
        assert!(group.wants("one", "u", Version::new(3), Some(1)));
        assert!(!group.enter(key()));
        assert!(group.enter(SnapshotKey { stream: 1, tag: 2 }));
        assert!(group.wants("one", "t", Version::new(3), None));
    }

    #[test]
    fn with_very_many_names_under_one_key_nothing_is_dropped_that_is_not_known() {
        let mut group = Group::default();
        group.enter(key());
        let names: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        names.iter().for_each(|name| group.take(name, "t", Version::new(3)));
        assert!(!group.wants("0", "t", Version::new(3), None));
        assert!(group.wants("99", "t", Version::new(3), Some(1)));
        assert_eq!(group.members.len(), MEMBERS_MAX);
    }
}
