//! Errors: which operation failed on what, why, and what may help.

use std::fmt;
use std::io;

/// Why an operation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The kernel refused the request.
    Refused {
        /// Its errno, positive.
        errno: i32,
        /// Its own words (netlink extended ACK), if it had any.
        message: Option<String>,
    },
    /// A system call failed.
    Call {
        /// Its name.
        call: &'static str,
        /// Its errno, positive.
        errno: i32,
    },
    /// Not sent: no kernel could do it.
    Invalid(&'static str),
    /// Sent, but the answer was lost or did not come in time: the operation may have been done.
    NoAnswer,
    /// The kernel's answer was not one that this crate understands.
    BadAnswer,
    /// A dump was interrupted by changes each time that it was tried.
    Interrupted,
}

/// A failed operation.
///
/// `Display` gives one line: operation, object (addresses, SPI or selector), reason, hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The operation and its object, such as `add SA 192.0.2.1 -> 192.0.2.2 spi 0xc0000001`.
    pub operation: String,
    /// Why it failed.
    pub cause: Cause,
    /// What may help, for the common reasons.
    pub hint: Option<String>,
    /// What [`Error::is_not_there`] says.
    pub(crate) not_there: bool,
}

impl Error {
    pub(crate) fn new(operation: impl Into<String>, cause: Cause) -> Self {
        Self { operation: operation.into(), cause, hint: None, not_there: false }
    }

    pub(crate) fn call(operation: impl Into<String>, call: &'static str, error: &io::Error) -> Self {
        Self::new(operation, Cause::Call { call, errno: error.raw_os_error().unwrap_or(libc::EIO) })
    }

    pub(crate) fn with_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// The errno (positive), when the kernel gave one.
    pub fn errno(&self) -> Option<i32> {
        match self.cause {
            Cause::Refused { errno, .. } | Cause::Call { errno, .. } => Some(errno),
            Cause::Invalid(_) | Cause::NoAnswer | Cause::BadAnswer | Cause::Interrupted => None,
        }
    }

    /// The object to add is there already.
    pub fn is_already_there(&self) -> bool {
        self.errno() == Some(libc::EEXIST)
    }

    /// The SA or policy to update or delete is not there.
    pub fn is_not_there(&self) -> bool {
        self.not_there
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.operation)?;
        match &self.cause {
            Cause::Refused { errno, message } => {
                write!(f, "{}", io::Error::from_raw_os_error(*errno))?;
                if let Some(message) = message {
                    write!(f, ", kernel says: {message}")?;
                }
            }
            Cause::Call { call, errno } => write!(f, "{call}: {}", io::Error::from_raw_os_error(*errno))?,
            Cause::Invalid(why) => f.write_str(why)?,
            Cause::NoAnswer => f.write_str("the kernel's answer was lost")?,
            Cause::BadAnswer => f.write_str("the kernel's answer is not understood")?,
            Cause::Interrupted => f.write_str("changed while it was read, each time")?,
        }
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
