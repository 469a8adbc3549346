//! Where the cluster's folders are, and who owns them.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use super::user::ServerUser;
use super::{ClusterError, file_error, fnv1a};

/// The longest path of a socket's folder: 107 bytes less `/.s.PGSQL.5432`.
const SOCKET_FOLDER_MAX: usize = 107 - 15;

/// Root's clusters, where the data folder can't be entered by the server's user.
const ROOTS_FOLDER: &str = "/var/lib/stockade";

/// The folders of one cluster.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Holds all the rest; owned by the server's user, mode 0700.
    pub(crate) folder: PathBuf,
    /// The server's data.
    pub(crate) data: PathBuf,
    /// The socket.
    pub(crate) socket: PathBuf,
    /// The server's log.
    pub(crate) log: PathBuf,
    pub(crate) user: ServerUser,
}

impl Place {
    pub(crate) fn find(data_dir: &Path) -> Result<Self, ClusterError> {
        let user = ServerUser::find()?;
        let folder = if !user.step_down || is_open_to_all(data_dir) {
            data_dir.join("postgres")
        } else {
            elsewhere(data_dir)?
        };
        own_folder(&folder, user)?;
        let socket = socket_folder(&folder, user)?;
        Ok(Self { data: folder.join("data"), log: folder.join("log"), socket, folder, user })
    }
}

/// Whether any user can pass from the root to `path`.
fn is_open_to_all(path: &Path) -> bool {
    path.ancestors().all(|folder| {
        folder.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
    })
}

/// A folder outside the data folder, of which the data folder remembers the name.
fn elsewhere(data_dir: &Path) -> Result<PathBuf, ClusterError> {
    let note = data_dir.join("postgres.location");
    match fs::read_to_string(&note) {
        Ok(text) => return Ok(PathBuf::from(text.trim())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(file_error(&note, "can't be read")(error)),
    }
    let parent = Path::new(ROOTS_FOLDER);
    fs::create_dir_all(parent).map_err(file_error(parent, "can't be made"))?;
    fs::set_permissions(parent, fs::Permissions::from_mode(0o711))
        .map_err(file_error(parent, "can't be opened to its users"))?;
    let folder = tempfile::Builder::new()
        .prefix("cluster-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(parent);
    let folder = folder.map_err(file_error(parent, "can't be written"))?.keep();
    let text = format!("{}\n", folder.display());
    fs::write(&note, text).map_err(file_error(&note, "can't be written"))?;
    Ok(folder)
}

/// Makes a folder that belongs to the server's user alone.
fn own_folder(folder: &Path, user: ServerUser) -> Result<(), ClusterError> {
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(file_error(folder, "can't be made")(error)),
    }
    // Never through a link that somebody put there.
    let metadata = folder.symlink_metadata().map_err(file_error(folder, "can't be read"))?;
    if user.step_down && metadata.uid() == 0 && metadata.is_dir() {
        chown(folder, Some(user.uid), Some(user.gid))
            .map_err(file_error(folder, "can't be given away"))?;
    }
    let metadata = folder.symlink_metadata().map_err(file_error(folder, "can't be read"))?;
    let mode = metadata.permissions().mode() & 0o777;
    if !metadata.is_dir() || metadata.uid() != user.uid || mode != 0o700 {
        let (path, user, owner) = (folder.to_owned(), user.uid, metadata.uid());
        return Err(ClusterError::Owner { path, user, owner, mode });
    }
    Ok(())
}

/// Beside the data where that is short enough, else in the system's folder for temporary files.
fn socket_folder(folder: &Path, user: ServerUser) -> Result<PathBuf, ClusterError> {
    let near = folder.join("socket");
    let bytes = near.as_os_str().as_encoded_bytes();
    let socket = if bytes.len() <= SOCKET_FOLDER_MAX {
        near.clone()
    } else {
        PathBuf::from(format!("/tmp/stockade-{:016x}", fnv1a(bytes.iter().copied())))
    };
    own_folder(&socket, user)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;

    #[test]
    fn a_deep_folder_gets_a_short_socket() {
        let user = ServerUser::find().unwrap();
        let top = tempfile::tempdir().unwrap();
        let deep = top.path().join("d".repeat(100));
        fs::create_dir(&deep).unwrap();
        let socket = socket_folder(&deep, user).unwrap();
        assert!(socket.as_os_str().len() <= SOCKET_FOLDER_MAX, "{}", socket.display());
        assert_eq!(socket_folder(&deep, user).unwrap(), socket, "stable");
        fs::remove_dir(socket).unwrap();
    }

    #[test]
    fn a_socket_folder_that_others_can_enter_is_refused() {
        let user = ServerUser::find().unwrap();
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("socket");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(own_folder(&folder, user), Err(ClusterError::Owner { mode: 0o755, .. })));
    }

    #[test]
    fn a_folder_behind_a_closed_one_is_not_open() {
        let top = tempfile::tempdir().unwrap();
        let inner = top.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::set_permissions(top.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!is_open_to_all(&inner));
        fs::set_permissions(top.path(), fs::Permissions::from_mode(0o711)).unwrap();
        assert!(is_open_to_all(&inner));
    }
}
