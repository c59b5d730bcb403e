//! The control socket in the file system: owned by one daemon at a time, open to its user alone.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, umask};
use tokio::net::UnixListener;

/// Why the socket could not be opened.
#[derive(Debug)]
pub enum ListenError {
    /// Another daemon has it.
    AlreadyRunning {
        /// The socket's path.
        path: PathBuf,
        /// The other daemon's process ID, if it said.
        pid: String,
    },
    /// Something that is not a socket is in the way.
    InTheWay(PathBuf),
    /// The system's answer.
    System {
        /// On which path.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// The answer.
        error: io::Error,
    },
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenError::AlreadyRunning { path, pid } => {
                write!(f, "ikev2d is already running (process {pid}): it owns {}", path.display())
            }
            ListenError::InTheWay(path) => write!(f, "{} exists and is not a socket", path.display()),
            ListenError::System { path, doing, error } => {
                write!(f, "cannot {doing} {}: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for ListenError {}

/// The right to listen at a path: one process at a time has it, and the kernel takes it back when the process ends,
/// however that happens.
#[derive(Debug)]
pub struct ControlLock {
    path: PathBuf,
    file: File,
}

impl ControlLock {
    /// Takes the right to `path`; makes its directory (mode 0700) if that is missing.
    ///
    /// # Errors
    /// A daemon that lives has it, or the file system refuses.
    pub fn take(path: &Path) -> Result<ControlLock, ListenError> {
        let failed = |doing| move |error| ListenError::System { path: path.to_owned(), doing, error };
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
            made.map_err(failed("create the directory of"))?;
        }
        Ok(ControlLock { path: path.to_owned(), file: lock(path)? })
    }

    /// Opens the socket (mode 0600). A socket that a dead daemon left is replaced.
    ///
    /// Sets and restores the process's umask: call it before there are threads. Needs a tokio runtime.
    ///
    /// # Errors
    /// The file system refuses, or something else is in the way.
    pub fn listen(self) -> Result<ControlSocket, ListenError> {
        let failed = |doing| {
            let path = self.path.clone();
            move |error| ListenError::System { path, doing, error }
        };
        match fs::symlink_metadata(&self.path) {
            Ok(found) if found.file_type().is_socket() => {
                fs::remove_file(&self.path).map_err(failed("replace the stale socket"))?;
            }
            Ok(_) => return Err(ListenError::InTheWay(self.path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("look at")(error)),
        }
        // A change of mode after `bind` would leave a moment in which anybody can connect.
        let before = umask(Mode::from_bits_truncate(0o177));
        let bound = UnixListener::bind(&self.path);
        umask(before);
        let listener = bound.map_err(failed("listen on"))?;
        Ok(ControlSocket { listener, path: self.path, _lock: self.file })
    }
}

/// A listening control socket. Dropping it removes the socket's file.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    _lock: File,
}

impl ControlSocket {
    /// The next client.
    ///
    /// # Errors
    /// The system's, such as too many open files.
    pub async fn accept(&self) -> io::Result<tokio::net::UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // The lock's file stays: removing it would let two daemons lock two different files of that name.
        let _ = fs::remove_file(&self.path);
    }
}

/// Takes the lock that makes a second daemon impossible, and writes our process ID for its message.
fn lock(path: &Path) -> Result<File, ListenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let failed = |doing| {
        let path = lock_path.clone();
        move |error| ListenError::System { path, doing, error }
    };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(&lock_path).map_err(failed("open the lock"))?;
    match file.try_lock() {
        Ok(()) => {
            let write = file.set_len(0).and_then(|()| file.rewind());
            let write = write.and_then(|()| writeln!(file, "{}", std::process::id()));
            write.map_err(failed("write the lock"))?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            /// A process ID has at most 7 digits.
            const MOST: u64 = 16;
            let mut pid = String::new();
            let _ = file.take(MOST).read_to_string(&mut pid);
            Err(ListenError::AlreadyRunning { path: path.to_owned(), pid: pid.trim().to_owned() })
        }
        Err(TryLockError::Error(error)) => Err(failed("lock")(error)),
    }
}
