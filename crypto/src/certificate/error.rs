//! Why a certificate is not believed: each reason is one line for the operator.

use std::fmt;

use crate::certificate::{MAX_CERTIFICATE_LEN, MAX_CERTIFICATES, UnixSeconds};
use crate::signature::PublicKeyError;

/// Why a chain gave no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// No certificate at all.
    Empty,
    /// More than [`MAX_CERTIFICATES`].
    TooMany(usize),
    /// A certificate of more than [`MAX_CERTIFICATE_LEN`] octets.
    TooLong(usize),
    /// PEM that is truncated or not base64.
    Pem,
    /// Not an X.509 certificate in DER, or an extension in it that reads badly.
    Malformed,
    /// Valid from a later date on.
    NotYetValid {
        /// The certificate's subject.
        name: String,
        /// Its notBefore.
        not_before: UnixSeconds,
    },
    /// Valid up to an earlier date.
    Expired {
        /// The certificate's subject.
        name: String,
        /// Its notAfter.
        not_after: UnixSeconds,
    },
    /// On a current list of its issuer.
    Revoked,
    /// The issuer's list should have been replaced by now.
    RevocationListExpired(UnixSeconds),
    /// A list under the issuer's name that the issuer did not sign, or may not sign.
    RevocationListNotByIssuer,
    /// A list that cannot be used.
    RevocationList(String),
    /// No path leads to a trust anchor.
    UnknownIssuer,
    /// A signature in the path is not the issuer's.
    BadSignature,
    /// A certificate that issued another is not a CA's, or not for signing certificates.
    NotAuthority,
    /// The peer's own certificate is a CA's.
    LeafIsAuthority,
    /// More CAs in the path than one of them allows below it.
    PathLength,
    /// A name that a CA in the path is not allowed to certify, or a constraint that we do not understand.
    NameConstraints,
    /// The leaf's key is not for signatures.
    KeyUsage,
    /// The certificate is for something other than IKE.
    ExtendedKeyUsage,
    /// A critical extension that we do not know: "A certificate-using system MUST reject the certificate"
    /// (RFC 5280 4.2).
    CriticalExtension,
    /// A signature algorithm that is weak, or that we do not have.
    Algorithm,
    /// A chain that takes too much work to look at.
    TooComplex,
    /// The leaf's key is not one that we verify with.
    PublicKey(PublicKeyError),
    /// The certificate is for somebody else.
    WrongIdentity {
        /// Whom it should be for.
        expected: String,
        /// Whom it is for: the subject, and some of its other names.
        found: String,
    },
    /// Anything else that webpki does not like, in its words.
    Other(String),
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use CertificateError as E;
        match self {
            E::Empty => f.write_str("no certificate"),
            E::TooMany(count) => write!(f, "{count} certificates, more than {MAX_CERTIFICATES}"),
            E::TooLong(len) => write!(f, "a certificate of {len} octets, more than {MAX_CERTIFICATE_LEN}"),
            E::Pem => f.write_str("the PEM file is truncated or not base64"),
            E::Malformed => f.write_str("a certificate is malformed"),
            E::NotYetValid { name, not_before } => {
                write!(f, "the certificate of {name} is not valid before {not_before}")
            }
            E::Expired { name, not_after } => write!(f, "the certificate of {name} expired on {not_after}"),
            E::Revoked => f.write_str("the certificate, or one of its issuers', is revoked"),
            E::RevocationListExpired(next) => {
                write!(f, "the issuer's revocation list should have been replaced on {next}")
            }
            E::RevocationListNotByIssuer => {
                f.write_str("the revocation list is not signed by the issuer, or the issuer may not sign one")
            }
            E::RevocationList(reason) => write!(f, "the revocation list cannot be used: {reason}"),
            E::UnknownIssuer => f.write_str("the certificate is not issued by an authority that is trusted"),
            E::BadSignature => f.write_str("a signature in the certificate chain is not valid"),
            E::NotAuthority => f.write_str("a certificate in the place of an authority's is not one"),
            E::LeafIsAuthority => f.write_str("the certificate is an authority's, not a peer's"),
            E::PathLength => f.write_str("more authorities in the chain than one of them allows"),
            E::NameConstraints => {
                f.write_str("a name is outside of what an authority in the chain may certify")
            }
            E::KeyUsage => f.write_str("the certificate's key is not for signatures (key usage)"),
            E::ExtendedKeyUsage => f.write_str("the certificate is not for IKE (extended key usage)"),
            E::CriticalExtension => f.write_str("the certificate has a critical extension that is unknown"),
            E::Algorithm => f.write_str("the chain has a signature algorithm or key that is not supported"),
            E::TooComplex => f.write_str("the certificate chain is too complex"),
            E::PublicKey(error) => error.fmt(f),
            E::WrongIdentity { expected, found } => {
                write!(f, "the certificate is not for {expected} but for {found}")
            }
            E::Other(reason) => write!(f, "the certificate is refused: {reason}"),
        }
    }
}

impl std::error::Error for CertificateError {}

/// webpki's reason in our words. The name of a certificate that expired is not known here.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "webpki's enum grows: what is new gets its words, not ours"
)]
pub(super) fn from_webpki(error: &webpki::Error) -> CertificateError {
    use CertificateError as E;
    use webpki::Error as W;
    let unknown = || "(unknown)".to_owned();
    match error {
        W::CertNotValidYet { not_before, .. } => {
            E::NotYetValid { name: unknown(), not_before: UnixSeconds(not_before.as_secs()) }
        }
        W::CertExpired { not_after, .. } => {
            E::Expired { name: unknown(), not_after: UnixSeconds(not_after.as_secs()) }
        }
        W::CertRevoked => E::Revoked,
        W::CrlExpired { next_update, .. } => E::RevocationListExpired(UnixSeconds(next_update.as_secs())),
        W::InvalidCrlSignatureForPublicKey
        | W::IssuerNotCrlSigner
        | W::UnsupportedCrlSignatureAlgorithmContext(_)
        | W::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => E::RevocationListNotByIssuer,
        W::UnknownIssuer => E::UnknownIssuer,
        W::InvalidSignatureForPublicKey | W::SignatureAlgorithmMismatch => E::BadSignature,
        W::EndEntityUsedAsCa => E::NotAuthority,
        W::CaUsedAsEndEntity => E::LeafIsAuthority,
        W::PathLenConstraintViolated => E::PathLength,
        W::NameConstraintViolation | W::MalformedNameConstraint | W::InvalidNetworkMaskConstraint => {
            E::NameConstraints
        }
        W::RequiredEkuNotFoundContext(_) | W::EmptyEkuExtension => E::ExtendedKeyUsage,
        W::UnsupportedCriticalExtension => E::CriticalExtension,
        W::UnsupportedSignatureAlgorithmContext(_)
        | W::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => E::Algorithm,
        W::MaximumSignatureChecksExceeded
        | W::MaximumPathBuildCallsExceeded
        | W::MaximumPathDepthExceeded
        | W::MaximumNameConstraintComparisonsExceeded => E::TooComplex,
        W::BadDer | W::BadDerTime | W::TrailingData(_) | W::MalformedExtensions => E::Malformed,
        other => E::Other(format!("{other:?}")),
    }
}
