//! One value a line, of bounded length, from a client that may send anything at any pace.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// Octets of the longest request: a peer's name has at most 255, the rest is punctuation.
pub const MAX_REQUEST: usize = 4096;

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line without its end.
    Whole(Vec<u8>),
    /// More octets than allowed without an end of line. What follows cannot be told apart from it.
    TooLong,
    /// The other end has closed; a last line without an end is not one.
    End,
}

/// Reads up to the next end of line, but never more than `most` octets.
///
/// # Errors
/// The connection's.
pub async fn read_line<R: AsyncBufRead + Unpin>(reader: &mut R, most: usize) -> io::Result<Line> {
    let mut line = Vec::new();
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            return Ok(Line::End);
        }
        let end = available.iter().position(|octet| *octet == b'\n');
        let (taken, rest) = available.split_at(end.unwrap_or(available.len()));
        if line.len().saturating_add(taken.len()) > most {
            return Ok(Line::TooLong);
        }
        line.extend_from_slice(taken);
        let used = taken.len().saturating_add(usize::from(!rest.is_empty()));
        reader.consume(used);
        if end.is_some() {
            return Ok(Line::Whole(line));
        }
    }
}
