//! Files that a command writes: complete under their name, or not there.
//!
//! Guarantees: what is written goes to a file beside the name, reaches the disk, and takes the name
//! in one step; after an error, a full disk or a lost power supply the name still means what it
//! meant before, and nothing half written is left.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::context::failed;
use crate::failure::Failure;

/// A file under construction; removed where it is not finished.
pub(crate) struct Output {
    name: PathBuf,
    part: PathBuf,
    file: BufWriter<File>,
    finished: bool,
}

impl Output {
    /// Starts a file that shall be called `name`.
    pub(crate) fn create(name: &Path) -> Result<Self, Failure> {
        let mut part = name.as_os_str().to_owned();
        part.push(format!(".{}.part", std::process::id()));
        let part = PathBuf::from(part);
        let file = File::create(&part)
            .with_context(|| format!("{} can't be written", part.display()))
            .map_err(failed)?;
        Ok(Self { name: name.to_owned(), part, file: BufWriter::new(file), finished: false })
    }

    /// Gives it its name.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let done = (|| -> std::io::Result<()> {
            self.file.flush()?;
            self.file.get_ref().sync_all()?;
            std::fs::rename(&self.part, &self.name)
        })();
        done.with_context(|| format!("{} can't be written", self.name.display()))
            .map_err(failed)?;
        self.finished = true;
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if !self.finished {
            // The first error is the one that counts.
            let _ = std::fs::remove_file(&self.part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = folder.read_dir().expect("a folder");
        entries.map(|e| e.expect("an entry").file_name().into_string().expect("text")).collect()
    }

    #[test]
    fn a_file_is_complete_or_not_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = folder.path().join("x.csv");
        let mut half = Output::create(&name).expect("it starts");
        half.write_all(b"half").expect("it writes");
        drop(half);
        assert!(names(folder.path()).is_empty());
        let mut whole = Output::create(&name).expect("it starts");
        whole.write_all(b"whole").expect("it writes");
        assert!(!name.exists());
        whole.finish().expect("it ends");
        assert_eq!(names(folder.path()), ["x.csv"]);
        assert_eq!(std::fs::read(&name).expect("it is there"), b"whole");
    }

    #[test]
    fn what_can_not_take_the_name_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let taken = folder.path().join("taken");
        std::fs::create_dir_all(taken.join("inside")).expect("a folder");
        let output = Output::create(&taken).expect("it starts");
        let error = output.finish().expect_err("a folder is in the way");
        assert!(error.to_string().contains("taken"), "{error}");
        assert_eq!(names(folder.path()), ["taken"]);
    }
}
