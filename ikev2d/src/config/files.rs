//! The files of a configuration: which there are, and their text.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::report::{Help, Problem, Report};
use super::source::{Format, Source};

/// The text of the file at `path`.
pub(super) fn read(path: &Path, report: &mut Report) -> Result<Source, Problem> {
    let shown = path.display();
    let Some(format) = Format::of(path) else {
        let message = format!("{shown} ends neither in .toml nor in .json");
        return Err(Problem::new(message, Help::new("the end of a file's name says what language it is in")));
    };
    // Without O_NONBLOCK, opening a named pipe would wait for somebody to write to it.
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let file = opened.map_err(|error| cannot_read(path, &error))?;
    let metadata = file.metadata().map_err(|error| cannot_read(path, &error))?;
    if !metadata.is_file() {
        return Err(Problem::new(format!("{shown} is not a regular file"), Help::NONE));
    }
    if metadata.mode() & WRITABLE_BY_ALL != 0 {
        let message = "everybody can write to this file, and so decide whom this node trusts";
        report.file_warning(path, message, Help::new(format!("chmod o-w {shown}")));
    }
    let octets = read_all(path, file, metadata.len())?;
    match String::from_utf8(octets) {
        Ok(text) => Ok(Source::new(path, format, text)),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let newlines = error.as_bytes().iter().take(valid).filter(|octet| **octet == b'\n').count();
            let message = format!("{shown} is not UTF-8 text on line {}", newlines.saturating_add(1));
            Err(Problem::new(message, Help::NONE))
        }
    }
}

/// What `path` leads to: itself, or the files of a directory that end in .toml or .json, in name order. Names that
/// begin with a dot are left out: editors and package managers keep their own copies under such names.
pub(super) fn list(path: &Path) -> Result<Vec<PathBuf>, Problem> {
    let metadata = std::fs::metadata(path).map_err(|error| cannot_read(path, &error))?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|error| cannot_read(path, &error))? {
        let name = entry.map_err(|error| cannot_read(path, &error))?.file_name();
        let hidden = name.as_encoded_bytes().starts_with(b".");
        if !hidden && Format::of(Path::new(&name)).is_some() {
            files.push(path.join(name));
        }
    }
    files.sort();
    Ok(files)
}

fn read_all(path: &Path, file: File, size: u64) -> Result<Vec<u8>, Problem> {
    let mut octets = Vec::with_capacity(usize::try_from(size.min(MAX_FILE_SIZE)).unwrap_or(0));
    let read = file.take(MAX_FILE_SIZE.saturating_add(1)).read_to_end(&mut octets);
    read.map_err(|error| cannot_read(path, &error))?;
    if u64::try_from(octets.len()).is_ok_and(|len| len <= MAX_FILE_SIZE) {
        return Ok(octets);
    }
    let message = format!("{} has more than {} MiB", path.display(), MAX_FILE_SIZE >> 20);
    Err(Problem::new(message, Help::new("spread the peers over several files in a directory")))
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Problem {
    let shown = path.display();
    let kind = error.kind();
    let message = if kind == ErrorKind::NotFound {
        format!("{shown} does not exist")
    } else if kind == ErrorKind::PermissionDenied {
        format!("{shown} cannot be read: permission denied")
    } else {
        format!("{shown} cannot be read: {error}")
    };
    Problem::new(message, Help::NONE)
}

/// The bit of a mode that lets everybody write.
const WRITABLE_BY_ALL: u32 = 0o002;

/// Largest file: 100,000 peers of 600 octets each.
const MAX_FILE_SIZE: u64 = 64 << 20;
