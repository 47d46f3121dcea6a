//! What is in a directory, in order of the names.

use super::RealDisk;
use crate::disk::{DirEntry, EntryKind};
use rustix::fs::{AtFlags, Dir, FileType, Stat};
use rustix::io::Errno;
use std::ffi::CStr;
use std::io;
use std::os::fd::AsFd;

pub(super) fn list(disk: &RealDisk, path: &str) -> io::Result<Vec<DirEntry>> {
    let directory = disk.directory(path)?;
    let mut entries = Vec::new();
    for entry in Dir::read_from(&directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let Some(stat) = look_at(&directory, name)? else { continue };
        let kind = kind_of(name, FileType::from_raw_mode(stat.st_mode));
        let length = if kind == EntryKind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };
        entries.push(DirEntry { name: name.to_string_lossy().into_owned(), kind, length });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

pub(super) fn kinds(disk: &RealDisk, path: &str) -> io::Result<Vec<(String, EntryKind)>> {
    let directory = disk.directory(path)?;
    let mut entries = Vec::new();
    for entry in Dir::read_from(&directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let told = match entry.file_type() {
            // Some file systems do not tell.
            FileType::Unknown => match look_at(&directory, name)? {
                Some(stat) => FileType::from_raw_mode(stat.st_mode),
                None => continue,
            },
            told => told,
        };
        entries.push((name.to_string_lossy().into_owned(), kind_of(name, told)));
    }
    entries.sort();
    Ok(entries)
}

/// What the system knows of a name in a directory; `None` if it was removed since the directory was read.
fn look_at(directory: impl AsFd, name: &CStr) -> io::Result<Option<Stat>> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A name that is not UTF-8 is nothing that the engine made.
fn kind_of(name: &CStr, told: FileType) -> EntryKind {
    match (name.to_str(), told) {
        (Ok(_), FileType::RegularFile) => EntryKind::File,
        (Ok(_), FileType::Directory) => EntryKind::Directory,
        _ => EntryKind::Other,
    }
}
