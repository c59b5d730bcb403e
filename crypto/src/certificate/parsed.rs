//! One certificate, taken apart as far as webpki does not do it.

use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::KeyUsage;
use x509_parser::prelude::FromDer;

use crate::certificate::{CertificateError, MAX_CERTIFICATE_LEN, UnixSeconds};

/// Characters of a name in a message: a peer chooses them.
const MAX_NAME_LEN: usize = 128;

/// A certificate that is well-formed; nothing in it has been believed.
pub(super) struct Certificate {
    pub(super) der: CertificateDer<'static>,
    /// The subject's Name in DER.
    pub(super) subject: Vec<u8>,
    /// The SubjectPublicKeyInfo in DER.
    pub(super) spki: Vec<u8>,
    pub(super) not_before: UnixSeconds,
    pub(super) not_after: UnixSeconds,
    pub(super) is_authority: bool,
    /// How many CAs may stand below this one.
    pub(super) path_len: Option<u32>,
    key_usage: Option<KeyUsage>,
    /// The subject for messages: one line, bounded.
    pub(super) name: String,
}

impl Certificate {
    pub(super) fn parse(der: &[u8]) -> Result<Certificate, CertificateError> {
        if der.len() > MAX_CERTIFICATE_LEN {
            return Err(CertificateError::TooLong(der.len()));
        }
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| CertificateError::Malformed)?;
        if !rest.is_empty() {
            return Err(CertificateError::Malformed);
        }
        // Both fail when the extension is there twice or reads badly.
        let constraints = certificate.basic_constraints().map_err(|_| CertificateError::Malformed)?;
        let key_usage = certificate.key_usage().map_err(|_| CertificateError::Malformed)?;
        let validity = certificate.validity();
        Ok(Certificate {
            subject: certificate.subject().as_raw().to_vec(),
            spki: certificate.public_key().raw.to_vec(),
            not_before: seconds(validity.not_before.timestamp()),
            not_after: seconds(validity.not_after.timestamp()),
            is_authority: constraints.as_ref().is_some_and(|extension| extension.value.ca),
            path_len: constraints.and_then(|extension| extension.value.path_len_constraint),
            key_usage: key_usage.map(|extension| *extension.value),
            name: one_line(&certificate.subject().to_string()),
            der: CertificateDer::from(der.to_vec()),
        })
    }

    /// Validity at `now`, both ends included (RFC 5280 4.1.2.5).
    pub(super) fn check_validity(&self, now: UnixSeconds) -> Result<(), CertificateError> {
        if now < self.not_before {
            let (name, not_before) = (self.name.clone(), self.not_before);
            return Err(CertificateError::NotYetValid { name, not_before });
        }
        if now > self.not_after {
            return Err(CertificateError::Expired { name: self.name.clone(), not_after: self.not_after });
        }
        Ok(())
    }

    /// RFC 4945 5.1.3.2: if the extension is there, it has to have digitalSignature or nonRepudiation.
    pub(super) fn may_sign(&self) -> bool {
        self.key_usage.as_ref().is_none_or(|usage| usage.digital_signature() || usage.non_repudiation())
    }

    /// RFC 5280 6.1.4 (n): "If a key usage extension is present, verify that the keyCertSign bit is set."
    pub(super) fn may_certify(&self) -> bool {
        self.key_usage.as_ref().is_none_or(KeyUsage::key_cert_sign)
    }

    /// RFC 5280 6.3.3 (f), of a CRL's issuer: cRLSign.
    pub(super) fn may_revoke(&self) -> bool {
        self.key_usage.as_ref().is_none_or(KeyUsage::crl_sign)
    }
}

/// Seconds of Unix time; what was before 1970 is 1970.
pub(super) fn seconds(timestamp: i64) -> UnixSeconds {
    UnixSeconds(u64::try_from(timestamp).unwrap_or(0))
}

/// A name that a peer chose, fit for a log line: no control characters, and no longer than [`MAX_NAME_LEN`].
pub(super) fn one_line(name: &str) -> String {
    let safe: String = name.chars().take(MAX_NAME_LEN).flat_map(char::escape_debug).collect();
    if safe.is_empty() { "(no subject)".to_owned() } else { safe }
}
