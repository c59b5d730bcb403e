//! Distinguished Encoding Rules (X.690), as strictly as keys and algorithm identifiers need them.
//!
//! Definite, shortest lengths and single-octet tags only. What reads badly is `None`: the caller knows what it was
//! reading and says so.

/// INTEGER.
pub(crate) const INTEGER: u8 = 0x02;
/// BIT STRING.
pub(crate) const BIT_STRING: u8 = 0x03;
/// OCTET STRING.
pub(crate) const OCTET_STRING: u8 = 0x04;
/// NULL.
pub(crate) const NULL: u8 = 0x05;
/// OBJECT IDENTIFIER.
pub(crate) const OID: u8 = 0x06;
/// SEQUENCE, constructed.
pub(crate) const SEQUENCE: u8 = 0x30;

/// First octet of a length that is given in the next octet, and in the next two.
const LENGTH_IN_ONE: u8 = 0x81;
const LENGTH_IN_TWO: u8 = 0x82;

/// Octets yet to be read.
#[derive(Copy, Clone)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Reader<'a> {
        Reader(octets)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tag of what comes next.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The content of the next value, which must have `tag`.
    pub(crate) fn value(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, content) = self.any()?;
        (found == tag).then_some(content)
    }

    /// The tag and content of the next value.
    pub(crate) fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        // A tag number above 30 goes on in further octets; nothing that is read here has one.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (len, rest) = length(rest)?;
        let (content, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The content of the next value, a constructed one, to be read in turn.
    pub(crate) fn nested(&mut self, tag: u8) -> Option<Reader<'a>> {
        self.value(tag).map(Reader)
    }

    /// The magnitude of the next value, a positive INTEGER or zero, without the sign octet.
    pub(crate) fn unsigned(&mut self) -> Option<&'a [u8]> {
        match self.value(INTEGER)? {
            [] => None,
            [0, rest @ ..] => match rest.first() {
                Some(first) if *first < 0x80 => None, // not the shortest form
                Some(_) => Some(rest),
                None => Some(&[0]),
            },
            [first, ..] if *first >= 0x80 => None, // negative
            magnitude => Some(magnitude),
        }
    }

    /// The octets of the next value, a BIT STRING of whole octets.
    pub(crate) fn whole_bits(&mut self) -> Option<&'a [u8]> {
        self.value(BIT_STRING)?.strip_prefix(&[0])
    }
}

/// The content of the one value that `octets` are, which must have `tag` and nothing after it.
pub(crate) fn only(octets: &[u8], tag: u8) -> Option<Reader<'_>> {
    let mut reader = Reader::new(octets);
    let content = reader.nested(tag)?;
    reader.is_empty().then_some(content)
}

fn length(octets: &[u8]) -> Option<(usize, &[u8])> {
    match octets {
        [len @ 0..=0x7f, rest @ ..] => Some((usize::from(*len), rest)),
        [LENGTH_IN_ONE, len @ 0x80..=0xff, rest @ ..] => Some((usize::from(*len), rest)),
        [LENGTH_IN_TWO, high @ 1..=0xff, low, rest @ ..] => {
            Some((usize::from(u16::from_be_bytes([*high, *low])), rest))
        }
        _ => None,
    }
}

/// Appends a value with `tag` and `content` to `out`. Content longer than 65,535 octets is not ours to write.
pub(crate) fn push(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    let [.., high, low] = content.len().to_be_bytes();
    out.push(tag);
    match (high, low) {
        (0, 0..=0x7f) => out.push(low),
        (0, _) => out.extend_from_slice(&[LENGTH_IN_ONE, low]),
        (..) => out.extend_from_slice(&[LENGTH_IN_TWO, high, low]),
    }
    out.extend_from_slice(content);
}

/// A value with `tag` around `parts`.
pub(crate) fn wrap(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    push(&mut out, tag, &parts.concat());
    out
}

/// An INTEGER from an unsigned number in big-endian octets.
pub(crate) fn unsigned(magnitude: &[u8]) -> Vec<u8> {
    let first = magnitude.iter().position(|octet| *octet != 0).unwrap_or(magnitude.len());
    let digits = magnitude.get(first..).unwrap_or_default();
    let sign: &[u8] = if digits.first().is_none_or(|octet| *octet >= 0x80) { &[0] } else { &[] };
    wrap(INTEGER, &[sign, digits])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_in_their_shortest_form_alone() {
        for len in [0, 1, 127, 128, 255, 256, 65_535] {
            let value = wrap(OCTET_STRING, &[&vec![7; len]]);
            assert_eq!(Reader::new(&value).value(OCTET_STRING).map(<[u8]>::len), Some(len));
        }
        for bad in [&[4, 0x80, 0, 0][..], &[4, 0x81, 1, 7], &[4, 0x82, 0, 0x80], &[4, 2, 7], &[4], &[]] {
            assert!(Reader::new(bad).any().is_none(), "{bad:?}");
        }
    }

    #[test]
    fn integers_are_positive_and_in_their_shortest_form() {
        let read = |octets: &[u8]| Reader::new(octets).unsigned().map(<[u8]>::to_vec);
        assert_eq!(read(&[2, 1, 0]), Some(vec![0]));
        assert_eq!(read(&[2, 2, 0, 0x80]), Some(vec![0x80]));
        for bad in [&[2, 0][..], &[2, 1, 0x80], &[2, 2, 0, 0x7f], &[2, 2, 0, 0]] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        for (number, octets) in
            [(&[0, 0][..], &[2, 1, 0][..]), (&[0, 0x80], &[2, 2, 0, 0x80]), (&[5], &[2, 1, 5])]
        {
            assert_eq!(unsigned(number), octets);
        }
    }

    #[test]
    fn nothing_may_follow_the_only_value() {
        assert!(only(&[0x30, 0], SEQUENCE).is_some());
        assert!(only(&[0x30, 0, 0], SEQUENCE).is_none());
    }
}
