//! The components that the tests deploy, as `cargo xtask bots` builds them.

use std::path::{Path, PathBuf};

/// The file of a component.
pub(crate) fn file(name: &str) -> PathBuf {
    let folder = std::env::var_os("STOCKADE_BOTS").map_or_else(
        || crate::program::target().parent().expect("target/PROFILE").join("bots"),
        PathBuf::from,
    );
    let file = folder.join(format!("{name}.wasm"));
    assert!(file.is_file(), "{} is missing: run `cargo xtask bots` first", file.display());
    file
}

/// Puts a component into a plugins folder under a name, in one step, as an installer would.
pub(crate) fn install(name: &str, folder: &Path, under: &str) {
    write(&std::fs::read(file(name)).unwrap(), folder, under);
}

/// Puts bytes into a plugins folder under a name, in one step.
pub(crate) fn write(bytes: &[u8], folder: &Path, under: &str) {
    std::fs::create_dir_all(folder).unwrap();
    let partial = folder.join(format!("{under}.partial"));
    std::fs::write(&partial, bytes).unwrap();
    std::fs::rename(partial, folder.join(format!("{under}.wasm"))).unwrap();
}
