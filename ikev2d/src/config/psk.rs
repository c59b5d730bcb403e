//! A pre-shared key out of its file, which must be nobody else's business.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use base64ct::{Base64, Encoding};
use crypto::Secret;
use zeroize::Zeroizing;

use super::report::{Help, Problem};

/// Reads the key in `path`.
///
/// The file holds one line: the key as text, or `0x` and hexadecimal digits, or `0s` and Base64 (RFC 4648 section 4),
/// as in strongSwan. The newline at its end does not belong to the key.
pub(super) fn read(path: &Path) -> Result<Secret, Problem> {
    // Without O_NONBLOCK, opening a named pipe would wait for somebody to write to it.
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let mut file = opened.map_err(|error| cannot_open(path, &error))?;
    let metadata = file.metadata().map_err(|error| cannot_open(path, &error))?;
    check_owner(path, &metadata)?;
    let octets = read_all(path, &mut file)?;
    let key = decode(path, line(&octets))?;
    check_length(path, key.len())?;
    Ok(Secret::new(key))
}

/// The octets that pairs of hexadecimal digits stand for.
pub(super) fn hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |octet: &u8| char::from(*octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = digits.as_bytes().chunks(2);
    let octet = |pair: &[u8]| match pair {
        [high, low] => Some((digit(high)? << 4) | digit(low)?),
        _ => None,
    };
    let mut octets = Vec::with_capacity(digits.len() / 2);
    for pair in pairs {
        octets.push(octet(pair)?);
    }
    Some(octets)
}

fn cannot_open(path: &Path, error: &std::io::Error) -> Problem {
    let shown = path.display();
    let kind = error.kind();
    if kind == ErrorKind::NotFound {
        let help = format!("make a key: (umask 077; openssl rand -hex 32 > {shown})");
        Problem::new(format!("the PSK file {shown} does not exist"), Help::new(help))
    } else if kind == ErrorKind::PermissionDenied {
        let message = format!("the PSK file {shown} cannot be read: permission denied");
        Problem::new(message, Help::new("run as the file's owner or as root"))
    } else {
        Problem::new(format!("the PSK file {shown} cannot be read: {error}"), Help::NONE)
    }
}

fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), Problem> {
    let shown = path.display();
    if !metadata.is_file() {
        return Err(Problem::new(format!("the PSK file {shown} is not a regular file"), Help::NONE));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & OTHERS != 0 {
        let message = format!("the PSK file {shown} is open to others than its owner (mode {mode:04o})");
        return Err(Problem::new(message, Help::new(format!("chmod 600 {shown}"))));
    }
    let owner = metadata.uid();
    if owner != ROOT && owner != nix::unistd::geteuid().as_raw() {
        let message =
            format!("the PSK file {shown} belongs to user {owner}, not to root or to the daemon's user");
        return Err(Problem::new(message, Help::new(format!("chown root {shown}"))));
    }
    Ok(())
}

fn read_all(path: &Path, file: &mut File) -> Result<Zeroizing<Vec<u8>>, Problem> {
    // As large as it can get, so that no growing leaves a copy behind.
    let mut octets = Zeroizing::new(Vec::with_capacity(MAX_PSK_FILE.saturating_add(1)));
    let limit = u64::try_from(MAX_PSK_FILE.saturating_add(1)).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut octets).map_err(|error| cannot_open(path, &error))?;
    if octets.len() > MAX_PSK_FILE {
        let message = format!("the PSK file {} has more than {MAX_PSK_FILE} octets", path.display());
        return Err(Problem::new(message, Help::NONE));
    }
    Ok(octets)
}

/// The text without the newline at its end.
fn line(octets: &[u8]) -> &[u8] {
    let line = octets.strip_suffix(b"\n").unwrap_or(octets);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The key that the text stands for. No error quotes it.
fn decode(path: &Path, line: &[u8]) -> Result<Vec<u8>, Problem> {
    let shown = path.display();
    let wrong = |what: &str, help| Problem::new(format!("the PSK file {shown} {what}"), Help::new(help));
    let write_hex = "write the key's octets as `0x` and hexadecimal digits";
    let text = match std::str::from_utf8(line) {
        Ok(text) if !text.contains(char::is_control) => text,
        Ok(text) if text.contains('\n') => return Err(wrong("has more than one line", write_hex)),
        Ok(_) | Err(_) => return Err(wrong("holds something other than text", write_hex)),
    };
    if text.trim() != text {
        return Err(wrong("has a space before or after the key", write_hex));
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return hex(digits)
            .ok_or_else(|| wrong("has something other than pairs of digits after `0x`", write_hex));
    }
    if let Some(base64) = text.strip_prefix("0s") {
        let decoded = Base64::decode_vec(base64);
        return decoded.map_err(|_| wrong("has something other than Base64 after `0s`", write_hex));
    }
    Ok(line.to_vec())
}

fn check_length(path: &Path, octets: usize) -> Result<(), Problem> {
    let shown = path.display();
    let help = format!("make a key: (umask 077; openssl rand -hex 32 > {shown})");
    let message = match octets {
        0 => format!("the PSK file {shown} is empty"),
        1..MIN_PSK => format!(
            "the key in {shown} has only {octets} octets: whoever answers one handshake can find it by trying"
        ),
        MIN_PSK..=MAX_PSK => return Ok(()),
        _ => {
            let message = format!("the key in {shown} has more than {MAX_PSK} octets");
            return Err(Problem::new(message, Help::NONE));
        }
    };
    Err(Problem::new(message, Help::new(help)))
}

/// The bits of a mode that let others than the owner in.
const OTHERS: u32 = 0o077;

const ROOT: u32 = 0;

/// A key of fewer octets is refused: even a random one of seven letters or digits falls to an attacker who, in the
/// peer's place, got one IKE_AUTH and then tries offline (RFC 7296 section 2.15).
const MIN_PSK: usize = 8;

/// A key of fewer octets is warned of: "The pre-shared key needs to contain as much unpredictability as the strongest
/// key being negotiated" (RFC 7296 section 2.15), and none that is negotiated has less than 128 bits.
pub(super) const ADVISED_PSK: usize = 16;

/// Longest key in octets. More than the PRF's block (128 octets at most) adds nothing, since HMAC hashes it.
const MAX_PSK: usize = 1024;

/// Largest key file in octets: the longest key in hexadecimal with prefix and newline, with room to spare.
const MAX_PSK_FILE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &[u8]) -> Result<Vec<u8>, String> {
        decode(Path::new("f"), line(text)).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_key_is_text_hexadecimal_or_base64() {
        assert_eq!(key(b"correct horse\n").unwrap(), b"correct horse");
        assert_eq!(key(b"correct horse\r\n").unwrap(), b"correct horse");
        assert_eq!(key(b"correct horse").unwrap(), b"correct horse");
        assert_eq!(key("pâté\n".as_bytes()).unwrap(), "pâté".as_bytes());
        assert_eq!(key(b"0x00fFa1\n").unwrap(), [0x00, 0xff, 0xa1]);
        assert_eq!(key(b"0sAP+h\n").unwrap(), [0x00, 0xff, 0xa1]);
    }

    #[test]
    fn nothing_else_is_a_key_and_no_error_quotes_it() {
        let hint = "write the key's octets as `0x` and hexadecimal digits";
        for (text, what) in [
            (&b"hunter2\n\n"[..], "has more than one line"),
            (b"hunter2\nhunter3\n", "has more than one line"),
            (b"hunter2\0", "holds something other than text"),
            (b"hunter2\xff\n", "holds something other than text"),
            (b" hunter2\n", "has a space before or after the key"),
            (b"0xhunter2\n", "has something other than pairs of digits after `0x`"),
            (b"0x123\n", "has something other than pairs of digits after `0x`"),
            (b"0shunter2\n", "has something other than Base64 after `0s`"),
        ] {
            assert_eq!(key(text).unwrap_err(), format!("the PSK file f {what}; {hint}"));
        }
    }

    #[test]
    fn lengths_are_limited_on_both_sides() {
        let check = |octets| check_length(Path::new("f"), octets).map_err(|problem| problem.to_string());
        assert!(check(MIN_PSK).is_ok() && check(MAX_PSK).is_ok());
        assert_eq!(
            check(7).unwrap_err(),
            "the key in f has only 7 octets: whoever answers one handshake can find it by trying; \
             make a key: (umask 077; openssl rand -hex 32 > f)"
        );
        assert_eq!(
            check(0).unwrap_err(),
            "the PSK file f is empty; make a key: (umask 077; openssl rand -hex 32 > f)"
        );
        assert_eq!(check(1025).unwrap_err(), "the key in f has more than 1024 octets");
    }
}
