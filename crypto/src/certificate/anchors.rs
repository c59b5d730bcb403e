//! What we trust: authorities, and single certificates of peers.

use rustls_pki_types::TrustAnchor;

use crate::certificate::chain::{self, LABEL};
use crate::certificate::parsed::Certificate;
use crate::certificate::{CertificateError, error};
use crate::signature::PublicKey;

/// The certificates that a path may end at.
#[derive(Default)]
pub struct TrustAnchors {
    pub(super) authorities: Vec<Certificate>,
    /// The same authorities, as webpki wants them.
    pub(super) anchors: Vec<TrustAnchor<'static>>,
    pub(super) leaves: Vec<Certificate>,
}

impl TrustAnchors {
    /// Trusts nobody.
    pub fn new() -> TrustAnchors {
        TrustAnchors::default()
    }

    /// Trusts what the authority of this certificate, in DER, has issued. It need not be self-signed.
    ///
    /// Its validity is looked at when a path ends at it, as are its path length, name constraints and key usage.
    ///
    /// # Errors
    /// [`CertificateError::NotAuthority`] if it is not a CA's, [`CertificateError::PublicKey`] if its key is not
    /// one that we verify with, and what [`super::CertificateChain::from_ders`] says of octets that read badly.
    pub fn trust_authority(&mut self, der: &[u8]) -> Result<(), CertificateError> {
        let certificate = Certificate::parse(der)?;
        if !certificate.is_authority || !certificate.may_certify() {
            return Err(CertificateError::NotAuthority);
        }
        PublicKey::from_spki(&certificate.spki).map_err(CertificateError::PublicKey)?;
        let anchor = webpki::anchor_from_trusted_cert(&certificate.der)
            .map_err(|refused| error::from_webpki(&refused))?
            .to_owned();
        self.anchors.push(anchor);
        self.authorities.push(certificate);
        Ok(())
    }

    /// Trusts every authority in `text`, a PEM file, and says how many there were.
    ///
    /// # Errors
    /// As [`TrustAnchors::trust_authority`]; [`CertificateError::Empty`] if there is no certificate, and
    /// [`CertificateError::Pem`].
    pub fn trust_authorities_in_pem(&mut self, text: &str) -> Result<usize, CertificateError> {
        let ders = chain::ders(text, LABEL)?;
        ders.iter().try_for_each(|der| self.trust_authority(der))?;
        if ders.is_empty() { Err(CertificateError::Empty) } else { Ok(ders.len()) }
    }

    /// Trusts this one certificate, in DER, as a peer's: typically a self-signed one. It cannot issue others.
    ///
    /// Its validity, key usage and names count; its signature, its extended key usage and revocation lists do not,
    /// as the operator has vouched for these very octets.
    ///
    /// # Errors
    /// [`CertificateError::LeafIsAuthority`] if it is a CA's, and as [`TrustAnchors::trust_authority`].
    pub fn trust_leaf(&mut self, der: &[u8]) -> Result<(), CertificateError> {
        let certificate = Certificate::parse(der)?;
        if certificate.is_authority {
            return Err(CertificateError::LeafIsAuthority);
        }
        PublicKey::from_spki(&certificate.spki).map_err(CertificateError::PublicKey)?;
        self.leaves.push(certificate);
        Ok(())
    }

    /// The data of a CERTREQ payload: SHA-1 of the SubjectPublicKeyInfo of each authority (RFC 7296 3.7).
    pub fn authority_hashes(&self) -> Vec<[u8; 20]> {
        self.authorities.iter().map(|authority| crate::sha1(&[&authority.spki])).collect()
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.authorities.is_empty() && self.leaves.is_empty()
    }
}

impl std::fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.authorities.iter().chain(&self.leaves).map(|certificate| &certificate.name);
        f.debug_list().entries(names).finish()
    }
}
