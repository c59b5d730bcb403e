//! PEM, the textual encoding of keys, certificates and CRLs (RFC 7468): labelled base64 between two lines.

use data_encoding::BASE64;
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// One section: its label, and the octets that it encodes, wiped when dropped in case they are a key.
pub(crate) struct Section<'a> {
    pub(crate) label: &'a str,
    pub(crate) octets: Zeroizing<Vec<u8>>,
}

/// Why text has no further section.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum PemError {
    /// A section without its end line.
    Truncated,
    /// Something other than base64 in a section.
    NotBase64,
    /// The headers of OpenSSL's old encryption (`Proc-Type: 4,ENCRYPTED`).
    Encrypted,
}

/// The sections of `text` in order, up to the first that reads badly. What stands between them is explanation.
pub(crate) fn sections(text: &str) -> impl Iterator<Item = Result<Section<'_>, PemError>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(BEGIN)?;
        let section = section(after);
        rest = section.as_ref().map_or("", |(_, rest)| rest);
        Some(section.map(|(section, _)| section))
    })
}

fn section(after_begin: &str) -> Result<(Section<'_>, &str), PemError> {
    let (label, after) = after_begin.split_once(DASHES).ok_or(PemError::Truncated)?;
    let (body, after) = after.split_once(END).ok_or(PemError::Truncated)?;
    let rest =
        after.strip_prefix(label).and_then(|after| after.strip_prefix(DASHES)).ok_or(PemError::Truncated)?;
    if body.contains("ENCRYPTED") {
        return Err(PemError::Encrypted);
    }
    let mut digits = Zeroizing::new(Vec::with_capacity(body.len()));
    digits.extend(body.bytes().filter(|octet| !octet.is_ascii_whitespace()));
    let octets = BASE64.decode(&digits).map_err(|_| PemError::NotBase64)?;
    Ok((Section { label, octets: Zeroizing::new(octets) }, rest))
}

/// `der` as one section, lines of 64 characters as RFC 7468 2 has them.
pub(crate) fn encode(label: &str, der: &[u8]) -> Zeroizing<Vec<u8>> {
    let digits = Zeroizing::new(BASE64.encode(der));
    // Twice the digits is room for the line breaks and the labels, so that the vector never moves.
    let mut text = Zeroizing::new(Vec::with_capacity(digits.len().saturating_mul(2).saturating_add(128)));
    text.extend_from_slice(format!("{BEGIN}{label}{DASHES}\n").as_bytes());
    for line in digits.as_bytes().chunks(64) {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.extend_from_slice(format!("{END}{label}{DASHES}\n").as_bytes());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<(String, Vec<u8>), PemError>> {
        sections(text).map(|section| section.map(|s| (s.label.to_owned(), s.octets.to_vec()))).collect()
    }

    #[test]
    fn sections_are_read_in_order_with_text_between_them() {
        let one = String::from_utf8(encode("A B", &[7; 100]).to_vec()).unwrap();
        let text =
            format!("subject=x\r\n{}\nmore\n-----BEGIN C-----\n-----END C-----", one.replace('\n', "\r\n"));
        assert_eq!(read(&text), [Ok(("A B".into(), vec![7; 100])), Ok(("C".into(), Vec::new()))]);
        assert_eq!(one.lines().map(str::len).max(), Some(64));
    }

    #[test]
    fn what_reads_badly_ends_the_reading() {
        let good = "-----BEGIN A-----\nAAAA\n-----END A-----\n";
        for (bad, error) in [
            ("-----BEGIN A-----\nAAAA\n", PemError::Truncated),
            ("-----BEGIN A-----\nAAAA\n-----END B-----\n", PemError::Truncated),
            ("-----BEGIN A", PemError::Truncated),
            ("-----BEGIN A-----\nA*AA\n-----END A-----\n", PemError::NotBase64),
            ("-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END A-----\n", PemError::Encrypted),
        ] {
            assert_eq!(read(&format!("{good}{bad}")).get(1), Some(&Err(error)), "{bad}");
        }
        assert!(read("no section at all").is_empty());
    }
}
