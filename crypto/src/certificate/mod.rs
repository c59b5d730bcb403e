//! X.509 certificates of peers (RFC 5280, with RFC 4945's profile for IKE): from a chain to a key that may sign as
//! somebody.
//!
//! ```text
//! CertificateChain ─┐
//! TrustAnchors ─────┤
//! RevocationLists ──┼─▶ verify ──▶ PublicKey of the leaf, or CertificateError
//! now ──────────────┤
//! PeerIdentity ─────┘
//! ```
//!
//! The path (signatures, validity, CA and path-length constraints, name constraints, extended key usage, revocation)
//! is webpki's. What it leaves out is here: key usage, the constraints of the trust anchor itself, and identities.
//!
//! Where the profile is narrower than RFC 5280, it refuses: policies and other critical extensions that webpki does
//! not know, name constraints on e-mail addresses, URIs and directory names when such a name is present (any
//! constraint on directory names refuses every certificate below it, since each has a subject), indirect and delta
//! CRLs.

mod anchors;
mod chain;
mod error;
mod identity;
mod parsed;
mod revocation;
mod verify;

pub use anchors::TrustAnchors;
pub use chain::CertificateChain;
pub use error::CertificateError;
pub use identity::PeerIdentity;
pub use revocation::RevocationLists;
pub use verify::verify;

use std::fmt;

/// Certificates in a chain, the leaf included. RFC 7296 3.6 asks for four; twice that is more than any CA uses, and
/// bounds the search for a path.
pub const MAX_CERTIFICATES: usize = 8;
/// Octets of a certificate. One with RSA 4096 and a hundred names has 6,000.
pub const MAX_CERTIFICATE_LEN: usize = 16_384;

/// Seconds since 1970-01-01 00:00 UTC, leap seconds not counted. Dates before are 0.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(pub u64);

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = i64::try_from(self.0)
            .ok()
            .and_then(|seconds| x509_parser::time::ASN1Time::from_timestamp(seconds).ok());
        match time {
            Some(time) => time.fmt(f),
            None => write!(f, "second {} of Unix time", self.0),
        }
    }
}
