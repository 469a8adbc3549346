//! Lists what `stockade new` writes: the SDKs, the contract and the templates become part of the
//! binary, so that a new project needs nothing of this clone.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Folder in the clone, and the list that it becomes.
const FOLDERS: [(&str, &str); 7] = [
    ("sdk/templates/rust", "TEMPLATE_RUST"),
    ("sdk/templates/python", "TEMPLATE_PYTHON"),
    ("sdk/templates/javascript", "TEMPLATE_JAVASCRIPT"),
    ("sdk/rust", "SDK_RUST"),
    ("sdk/python", "SDK_PYTHON"),
    ("sdk/javascript", "SDK_JAVASCRIPT"),
    ("wit", "WIT"),
];

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut code = String::new();
    for (folder, name) in FOLDERS {
        let folder = root.join(folder);
        println!("cargo::rerun-if-changed={}", folder.display());
        let mut files = Vec::new();
        collect(&folder, &mut files)?;
        files.sort();
        writeln!(code, "pub(super) const {name}: &[(&str, &[u8])] = &[")
            .expect("a string takes it");
        for file in files {
            let inside = file.strip_prefix(&folder).expect("found in it").display().to_string();
            let inside = inside.replace('\\', "/");
            let path = file.canonicalize()?.display().to_string();
            writeln!(code, "    ({inside:?}, include_bytes!({path:?})),")
                .expect("a string takes it");
        }
        code.push_str("];\n");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("project_files.rs"), code)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if ["__pycache__", "node_modules", "target", "tests"].contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
