//! Files that are whole or not there.
//!
//! A file is written beside its name and takes the name at the end, when everything is on the disk:
//! after a full disk or a crash there is the old file or none, never half of a new one. Every error
//! names the file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A file that is being written. Dropped before [`WholeFile::finish`], it leaves nothing behind.
pub(crate) struct WholeFile {
    out: BufWriter<File>,
    part: PathBuf,
    path: PathBuf,
    finished: bool,
}

impl WholeFile {
    /// Begins one that will be at `path`.
    ///
    /// # Errors
    /// A place that can't be written, by name.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let part = PathBuf::from(name);
        let file = File::create(&part).with_context(|| unwritten(path))?;
        let (out, path) = (BufWriter::new(file), path.to_owned());
        Ok(Self { out, part, path, finished: false })
    }

    /// Everything was written: it takes its name.
    ///
    /// # Errors
    /// What the disk says, with the file's name.
    pub(crate) fn finish(mut self) -> Result<()> {
        let done = self.out.flush();
        let done = done.and_then(|()| self.out.get_ref().sync_all());
        let done = done.and_then(|()| std::fs::rename(&self.part, &self.path));
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
        if !self.finished {
            // The error that led here is the one that counts.
            let _ = std::fs::remove_file(&self.part);
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

    #[test]
    fn a_full_disk_is_said_with_the_files_name() {
        // The device that is always full.
        let Ok(full) = File::options().write(true).open("/dev/full") else { return };
        let path = PathBuf::from("/nowhere/report.html");
        let part = path.with_extension("part");
        let mut file = WholeFile { out: BufWriter::new(full), part, path, finished: false };
        file.write_all(b"text").unwrap();
        let error = format!("{:#}", file.finish().unwrap_err());
        assert!(error.contains("/nowhere/report.html can't be written"), "{error}");
        assert!(error.contains("No space left"), "{error}");
    }
}
