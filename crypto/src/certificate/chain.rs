//! The certificates that one end sends: the leaf, and what leads from it to a trust anchor.

use rustls_pki_types::CertificateDer;

use crate::certificate::parsed::Certificate;
use crate::certificate::{CertificateError, MAX_CERTIFICATES, UnixSeconds};
use crate::pem;
use crate::signature::PublicKey;

/// The label of a certificate in PEM (RFC 7468 5).
pub(super) const LABEL: &str = "CERTIFICATE";

/// A leaf and up to seven other certificates in any order. Nothing in them has been believed.
pub struct CertificateChain {
    pub(super) leaf: Certificate,
    pub(super) others: Vec<Certificate>,
    /// The DER of `others`, as webpki wants it.
    pub(super) intermediates: Vec<CertificateDer<'static>>,
}

impl CertificateChain {
    /// Reads certificates in DER, the leaf first, as CERT payloads have them (RFC 7296 3.6).
    ///
    /// # Errors
    /// [`CertificateError::Empty`], [`CertificateError::TooMany`], [`CertificateError::TooLong`] and
    /// [`CertificateError::Malformed`].
    pub fn from_ders<T: AsRef<[u8]>>(ders: &[T]) -> Result<CertificateChain, CertificateError> {
        let (leaf, others) = ders.split_first().ok_or(CertificateError::Empty)?;
        if ders.len() > MAX_CERTIFICATES {
            return Err(CertificateError::TooMany(ders.len()));
        }
        let leaf = Certificate::parse(leaf.as_ref())?;
        let others =
            others.iter().map(|der| Certificate::parse(der.as_ref())).collect::<Result<Vec<_>, _>>()?;
        let intermediates = others.iter().map(|certificate| certificate.der.clone()).collect();
        Ok(CertificateChain { leaf, others, intermediates })
    }

    /// Reads the certificates in `text`, a PEM file with the leaf first. Other sections are passed over.
    ///
    /// # Errors
    /// As [`CertificateChain::from_ders`], and [`CertificateError::Pem`].
    pub fn from_pem(text: &str) -> Result<CertificateChain, CertificateError> {
        CertificateChain::from_ders(&ders(text, LABEL)?)
    }

    /// The certificates in DER, the leaf first: what to send, one CERT payload each (encoding 4).
    pub fn ders(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(&self.leaf).chain(&self.others).map(|certificate| certificate.der.as_ref())
    }

    /// The leaf's key, for a comparison with our private key. That of a peer comes from [`super::verify`].
    ///
    /// # Errors
    /// [`CertificateError::PublicKey`].
    pub fn public_key(&self) -> Result<PublicKey, CertificateError> {
        PublicKey::from_spki(&self.leaf.spki).map_err(CertificateError::PublicKey)
    }

    /// When the first of the certificates expires: the chain is of no use after it.
    pub fn not_after(&self) -> UnixSeconds {
        self.others.iter().map(|other| other.not_after).fold(self.leaf.not_after, UnixSeconds::min)
    }

    /// The leaf's subject as one line for messages.
    pub fn subject(&self) -> &str {
        &self.leaf.name
    }

    /// SHA-1 of the SubjectPublicKeyInfo of every certificate but the leaf: if one of them is in a peer's CERTREQ
    /// (RFC 7296 3.7), this is a chain that he asked for. A root that we do not send is not among them.
    pub fn authority_hashes(&self) -> Vec<[u8; 20]> {
        self.others.iter().map(|certificate| crate::sha1(&[&certificate.spki])).collect()
    }
}

impl std::fmt::Debug for CertificateChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CertificateChain({:?} and {} more)", self.leaf.name, self.others.len())
    }
}

/// The octets of the sections of `text` with `label`.
pub(super) fn ders(text: &str, label: &str) -> Result<Vec<Vec<u8>>, CertificateError> {
    let mut found = Vec::new();
    for section in pem::sections(text) {
        let section = section.map_err(|_| CertificateError::Pem)?;
        if section.label == label {
            found.push(section.octets.to_vec());
        }
    }
    Ok(found)
}
