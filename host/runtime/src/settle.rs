//! Which files of a folder are ready to read: the pure part of the watch.
//!
//! A file is read once its size and time have not changed for [`QUIET`]. Bytes that look
//! unfinished are tried again until [`PATIENCE`] has passed since the file last changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long size and time of a file must stay the same before it is read.
pub(crate) const QUIET: Duration = Duration::from_millis(200);
/// How long bytes that look unfinished are tried again.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// What tells one version of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) size: u64,
    pub(crate) modified: Option<SystemTime>,
    /// Tells a file that was moved into place from the one before.
    pub(crate) inode: u64,
}

/// A plugin's files: the component, its manifest and the signature; `None` is not there.
pub(crate) type Stamps = [Option<Stamp>; 3];

/// What to do about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Read it.
    Read(PathBuf),
    /// It is gone.
    Gone(PathBuf),
}

#[derive(Debug)]
struct Entry {
    stamp: Stamps,
    /// Since when the stamp is the same, by the watch's own clock.
    since: Duration,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Changing,
    Unfinished { tried: Duration },
    Settled,
}

/// Files and what is known of them.
#[derive(Debug, Default)]
pub(crate) struct Settle {
    files: BTreeMap<PathBuf, Entry>,
}

impl Settle {
    /// Takes what is in the folder at `now`, gives what to do.
    pub(crate) fn look(&mut self, now: Duration, found: &BTreeMap<PathBuf, Stamps>) -> Vec<Step> {
        let mut steps = Vec::new();
        let gone: Vec<PathBuf> =
            self.files.keys().filter(|path| !found.contains_key(*path)).cloned().collect();
        for path in gone {
            self.files.remove(&path);
            steps.push(Step::Gone(path));
        }
        for (path, stamp) in found {
            let fresh = Entry { stamp: *stamp, since: now, state: State::Changing };
            let entry = self.files.entry(path.clone()).or_insert(fresh);
            if entry.stamp != *stamp {
                *entry = Entry { stamp: *stamp, since: now, state: State::Changing };
                continue;
            }
            let due = match entry.state {
                State::Changing => now.saturating_sub(entry.since) >= QUIET,
                State::Unfinished { tried } => now.saturating_sub(tried) >= QUIET,
                State::Settled => false,
            };
            if due {
                entry.state = State::Settled;
                steps.push(Step::Read(path.clone()));
            }
        }
        steps
    }

    /// The bytes of a file looked unfinished. Whether to say nothing and try again.
    pub(crate) fn unfinished(&mut self, now: Duration, path: &Path) -> bool {
        let Some(entry) = self.files.get_mut(path) else {
            return false;
        };
        let patient = now.saturating_sub(entry.since) < PATIENCE;
        if patient {
            entry.state = State::Unfinished { tried: now };
        }
        patient
    }

    /// Every file is to be read once more, without having changed.
    pub(crate) fn again(&mut self) {
        for entry in self.files.values_mut() {
            if entry.state == State::Settled {
                entry.state = State::Changing;
            }
        }
    }

    /// Whether a look is due soon without anything happening in the folder.
    pub(crate) fn is_waiting(&self) -> bool {
        self.files.values().any(|entry| entry.state != State::Settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn folder(size: u64) -> BTreeMap<PathBuf, Stamps> {
        let stamp = Stamp { size, modified: None, inode: 1 };
        BTreeMap::from([(PathBuf::from("a.wasm"), [Some(stamp), None, None])])
    }

    fn read() -> Vec<Step> {
        vec![Step::Read(PathBuf::from("a.wasm"))]
    }

    #[test]
    fn a_file_is_read_once_after_it_stays_the_same() {
        let mut settle = Settle::default();
        assert_eq!(settle.look(ms(0), &folder(10)), vec![]);
        assert_eq!(settle.look(ms(150), &folder(20)), vec![]);
        assert_eq!(settle.look(ms(300), &folder(20)), vec![]);
        assert!(settle.is_waiting());
        assert_eq!(settle.look(ms(350), &folder(20)), read());
        assert_eq!(settle.look(ms(900), &folder(20)), vec![]);
        assert!(!settle.is_waiting());
        assert_eq!(settle.look(ms(950), &folder(30)), vec![]);
        assert_eq!(settle.look(ms(1150), &folder(30)), read());
        let gone = vec![Step::Gone(PathBuf::from("a.wasm"))];
        assert_eq!(settle.look(ms(1200), &BTreeMap::new()), gone);
    }

    #[test]
    fn unfinished_bytes_are_tried_again_for_two_seconds() {
        let mut settle = Settle::default();
        let path = Path::new("a.wasm");
        settle.look(ms(0), &folder(10));
        assert_eq!(settle.look(ms(200), &folder(10)), read());
        assert!(settle.unfinished(ms(210), path));
        assert_eq!(settle.look(ms(300), &folder(10)), vec![]);
        assert_eq!(settle.look(ms(410), &folder(10)), read());
        assert!(settle.unfinished(ms(1_999), path));
        assert_eq!(settle.look(ms(2_199), &folder(10)), read());
        assert!(!settle.unfinished(ms(2_200), path));
        assert_eq!(settle.look(ms(5_000), &folder(10)), vec![]);
    }
}
