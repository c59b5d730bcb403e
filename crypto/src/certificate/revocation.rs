//! Certificate revocation lists (RFC 5280 5), from files.

use webpki::{CertRevocationList, OwnedCertRevocationList};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::certificate::CertificateError;
use crate::certificate::chain;
use crate::der::{self, Reader};

/// The label of a CRL in PEM (RFC 7468 6).
const LABEL: &str = "X509 CRL";

/// CRLs, whose signatures and dates are looked at when a certificate is verified.
///
/// A certificate whose issuer has a list here must not be on it, and the list must be signed by that issuer, who
/// may sign lists, and be current. A certificate whose issuer has no list here is taken as not revoked.
#[derive(Default)]
pub struct RevocationLists {
    /// The newest first: of several lists of one issuer the first counts.
    lists: Vec<(i64, CertRevocationList<'static>)>,
}

impl RevocationLists {
    /// No lists: nothing is revoked.
    pub fn new() -> RevocationLists {
        RevocationLists::default()
    }

    /// Adds a list in DER, version 2 (RFC 5280 5.1.2.1). Delta and indirect lists are refused.
    ///
    /// # Errors
    /// [`CertificateError::RevocationList`].
    pub fn add(&mut self, der: &[u8]) -> Result<(), CertificateError> {
        let refused = |reason: &str| CertificateError::RevocationList(reason.to_owned());
        let (rest, parsed) = CertificateRevocationList::from_der(der).map_err(|_| refused("malformed"))?;
        if !rest.is_empty() {
            return Err(refused("malformed"));
        }
        if parsed.version().is_none() {
            return Err(refused("it has version 1, not 2 (OpenSSL needs crl_extensions and crlnumber)"));
        }
        let this_update = parsed.last_update().timestamp();
        let list = OwnedCertRevocationList::from_der(der).map_err(|error| refused(&format!("{error:?}")))?;
        let at = self.lists.partition_point(|(time, _)| *time > this_update);
        self.lists.insert(at, (this_update, list.into()));
        Ok(())
    }

    /// Adds the lists of a file, PEM or DER, and says how many there were.
    ///
    /// # Errors
    /// [`CertificateError::RevocationList`] and [`CertificateError::Pem`].
    pub fn add_file(&mut self, content: &[u8]) -> Result<usize, CertificateError> {
        let Some(text) = std::str::from_utf8(content).ok().filter(|text| text.contains("-----BEGIN ")) else {
            return self.add(content).map(|()| 1);
        };
        let ders = chain::ders(text, LABEL)?;
        ders.iter().try_for_each(|der| self.add(der))?;
        if ders.is_empty() {
            return Err(CertificateError::RevocationList("no X509 CRL in PEM here".to_owned()));
        }
        Ok(ders.len())
    }

    /// How many lists there are.
    pub fn len(&self) -> usize {
        self.lists.len()
    }

    /// Whether there is no list.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    pub(super) fn newest_first(&self) -> Vec<&CertRevocationList<'static>> {
        self.lists.iter().map(|(_, list)| list).collect()
    }

    /// Whether a list claims to be by the issuer whose Name is `subject`, in DER.
    pub(super) fn has_issuer(&self, subject: &[u8]) -> bool {
        // webpki leaves the SEQUENCE's own tag and length out.
        let name = Reader::new(subject).value(der::SEQUENCE);
        self.lists.iter().any(|(_, list)| name == Some(list.issuer()))
    }
}

impl std::fmt::Debug for RevocationLists {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RevocationLists({})", self.len())
    }
}
