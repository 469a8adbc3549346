//! Files that are whole or not there.
//!
//! A file is written beside its name and takes the name at the end, when everything is on the disk:
//! after a full disk or a crash there is the old file or none, never half of a new one. Every error
//! names the file. A name that is a link means what it points at; what is no file (a device, a pipe)
//! is written to as it is.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A file that is being written. Dropped before [`WholeFile::finish`], it leaves nothing behind.
pub(crate) struct WholeFile {
    out: BufWriter<File>,
    /// The file beside it; `None` where it is written to as it is.
    part: Option<PathBuf>,
    path: PathBuf,
    finished: bool,
}

impl WholeFile {
    /// Begins one that will be at `path`.
    ///
    /// # Errors
    /// A place that can't be written, by name.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        // What the name stands for; a name that stands for nothing yet is its own.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let is_special = std::fs::metadata(&path).is_ok_and(|m| !m.is_file() && !m.is_dir());
        let part = (!is_special).then(|| {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".{}.part", std::process::id()));
            PathBuf::from(name)
        });
        let file = match &part {
            Some(part) => File::create(part),
            None => File::options().write(true).open(&path),
        };
        let out = BufWriter::new(file.with_context(|| unwritten(&path))?);
        Ok(Self { out, part, path, finished: false })
    }

    /// Everything was written: it takes its name.
    ///
    /// # Errors
    /// What the disk says, with the file's name.
    pub(crate) fn finish(mut self) -> Result<()> {
        let done = self.out.flush();
        let done = done.and_then(|()| match &self.part {
            Some(part) => {
                self.out.get_ref().sync_all()?;
                std::fs::rename(part, &self.path)
            }
            None => Ok(()),
        });
        done.with_context(|| unwritten(&self.path))?;
        self.finished = true;
        Ok(())
    }

    fn named(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", unwritten(&self.path)))
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes).map_err(|error| self.named(&error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush().map_err(|error| self.named(&error))
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let (false, Some(part)) = (self.finished, &self.part) {
            // The error that led here is the one that counts.
            let _ = std::fs::remove_file(part);
        }
    }
}

/// Writes a whole file.
///
/// # Errors
/// What the disk says, with the file's name.
pub(crate) fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    let mut file = WholeFile::create(path)?;
    file.write_all(bytes.as_ref())?;
    file.finish()
}

fn unwritten(path: &Path) -> String {
    format!("{} can't be written", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finished_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        write(&path, "old").unwrap();
        let mut half = WholeFile::create(&path).unwrap();
        half.write_all(b"ne").unwrap();
        half.flush().unwrap();
        drop(half);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
        write(&path, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_and_a_device_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a.csv"), folder.path().join("link"));
        write(&path, "old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write(&link, "new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        let null = Path::new("/dev/null");
        if null.exists() {
            write(null, "gone").unwrap();
            assert!(!std::fs::metadata(null).unwrap().is_file());
        }
    }

    #[test]
    fn what_can_not_take_the_name_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        std::fs::create_dir_all(taken.join("inside")).unwrap();
        let file = WholeFile::create(&taken).unwrap();
        let error = file.finish().unwrap_err();
        assert!(error.to_string().contains("taken"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_full_disk_is_said_with_the_files_name() {
        // The device that is always full.
        let Ok(full) = File::options().write(true).open("/dev/full") else { return };
        let path = PathBuf::from("/nowhere/report.html");
        let part = Some(path.with_extension("part"));
        let mut file = WholeFile { out: BufWriter::new(full), part, path, finished: false };
        file.write_all(b"text").unwrap();
        let error = format!("{:#}", file.finish().unwrap_err());
        assert!(error.contains("/nowhere/report.html can't be written"), "{error}");
        assert!(error.contains("No space left"), "{error}");
    }
}
