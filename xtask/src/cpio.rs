//! A cpio archive in the "newc" format, the only one that Linux takes as an initramfs.

use crate::process::{Result, at};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// An archive being written to a file.
pub struct Archive {
    file: File,
    entries: u32,
}

/// Mode bits of the file types that occur here (`man 7 inode`).
const FOLDER: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
/// The name of the entry that ends an archive.
const END: &str = "TRAILER!!!";

impl Archive {
    /// Starts an archive in a new file.
    pub fn create(path: &Path) -> Result<Self> {
        Ok(Self { file: File::create(path).map_err(at(path))?, entries: 0 })
    }

    /// A folder. Its parent must have been added before.
    pub fn folder(&mut self, name: &str) -> Result<()> {
        self.entry(name, FOLDER | 0o755, &[])
    }

    /// A file with these bytes. Its folder must have been added before.
    pub fn bytes(&mut self, name: &str, executable: bool, content: &[u8]) -> Result<()> {
        self.entry(name, REGULAR | if executable { 0o755 } else { 0o644 }, content)
    }

    /// A file or a whole folder of this machine under another name; symbolic links are followed.
    pub fn copy(&mut self, source: &Path, name: &str) -> Result<()> {
        let about = fs::metadata(source).map_err(at(source))?;
        if about.is_file() {
            let content = fs::read(source).map_err(at(source))?;
            return self.bytes(name, about.permissions().mode() & 0o111 != 0, &content);
        }
        self.folder(name)?;
        let mut children = fs::read_dir(source)
            .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
            .map_err(at(source))?;
        children.sort_by_key(fs::DirEntry::file_name);
        children.iter().try_for_each(|child| {
            self.copy(&child.path(), &format!("{name}/{}", child.file_name().to_string_lossy()))
        })
    }

    /// Ends the archive.
    pub fn finish(mut self) -> Result<()> {
        self.entry(END, 0, &[])
    }

    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) -> Result<()> {
        self.entries = self.entries.saturating_add(1);
        let length =
            u32::try_from(content.len()).map_err(|_| format!("{name}: too large for an initramfs"))?;
        let header = header(self.entries, mode, length, name);
        let written = self
            .file
            .write_all(&header)
            .and_then(|()| self.file.write_all(content))
            .and_then(|()| self.file.write_all(padding(content.len())));
        written.map_err(|error| format!("writing {name} to the initramfs: {error}"))
    }
}

/// The entry's header and name, padded.
///
/// ```text
/// 070701 inode mode uid gid links mtime size major minor rmajor rminor namesize check name NUL
/// ```
/// Each number is 8 hexadecimal digits.
fn header(inode: u32, mode: u32, length: u32, name: &str) -> Vec<u8> {
    let name_size = u32::try_from(name.len()).unwrap_or(u32::MAX).saturating_add(1);
    let numbers = [inode, mode, 0, 0, 1, 0, length, 0, 0, 0, 0, name_size, 0];
    let mut header = String::from("070701");
    numbers.iter().for_each(|number| header.push_str(&format!("{number:08x}")));
    header.push_str(name);
    header.push('\0');
    let mut header = header.into_bytes();
    header.extend_from_slice(padding(header.len()));
    header
}

/// Headers and contents each end on a multiple of 4 octets.
fn padding(length: usize) -> &'static [u8] {
    match length % 4 {
        1 => &[0; 3],
        2 => &[0; 2],
        3 => &[0; 1],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_its_fields_where_the_kernel_reads_them() {
        let made = header(1, REGULAR | 0o644, 2, "a/b");
        assert_eq!(&made[..6], b"070701", "magic");
        assert_eq!(&made[6..14], b"00000001", "inode");
        assert_eq!(&made[14..22], b"000081a4", "mode");
        assert_eq!(&made[54..62], b"00000002", "size");
        assert_eq!(&made[94..102], b"00000004", "size of the name with its NUL");
        assert_eq!(&made[110..], b"a/b\0\0\0", "name, padded to a multiple of 4");
    }
}
