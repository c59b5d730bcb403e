//! From a chain to the peer's key (RFC 5280 6, RFC 4945 4 and 5).

use std::cell::RefCell;
use std::time::Duration;

use rustls_pki_types::{SignatureVerificationAlgorithm, UnixTime};
use webpki::{
    EndEntityCert, ExpirationPolicy, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter, KeyUsage,
    RequiredEkuNotFoundContext, RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy,
    VerifiedPath, ring as algorithms,
};

use crate::certificate::error::from_webpki;
use crate::certificate::parsed::Certificate;
use crate::certificate::{
    CertificateChain, CertificateError, PeerIdentity, RevocationLists, TrustAnchors, UnixSeconds, identity,
};
use crate::signature::PublicKey;

/// What certificates and CRLs may be signed with: [`crate::signature::Scheme`], no less.
static SIGNATURES: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithms::ED25519,
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
    algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
];

/// id-kp-ipsecIKE, 1.3.6.1.5.5.7.3.17 (RFC 4945 5.1.3.12).
const IPSEC_IKE: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x11];

/// Purposes that let a certificate be used for IKE if it names any: RFC 4945 5.1.3.12's, and those of TLS, which is
/// what most CAs hand out.
const PURPOSES: [&[u8]; 5] = [
    IPSEC_IKE,
    &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x08, 0x02, 0x02], // iKEIntermediate, 1.3.6.1.5.5.8.2.2
    &[0x55, 0x1d, 0x25, 0x00],                         // anyExtendedKeyUsage, 2.5.29.37.0
    &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01], // serverAuth
    &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02], // clientAuth
];

/// The key of `chain`'s leaf, if at `now` a path leads from it to one of `anchors`, or the leaf is itself trusted,
/// nothing in the path is revoked by `crls`, and the leaf is for `expected`.
///
/// The work is bounded: by the size of the chain, and by webpki's budget (100 signatures).
///
/// # Errors
/// [`CertificateError`]; all of them are AUTHENTICATION_FAILED to the peer.
pub fn verify(
    chain: &CertificateChain,
    anchors: &TrustAnchors,
    crls: &RevocationLists,
    now: UnixSeconds,
    expected: PeerIdentity<'_>,
) -> Result<PublicKey, CertificateError> {
    let leaf = &chain.leaf;
    let key = chain.public_key()?;
    if anchors.leaves.iter().any(|trusted| trusted.der == leaf.der) {
        // The octets are the operator's own; unknown critical extensions and dates count all the same.
        EndEntityCert::try_from(&leaf.der).map_err(|error| from_webpki(&error))?;
        leaf.check_validity(now)?;
    } else {
        find_path(chain, anchors, crls, now)?;
    }
    if !leaf.may_sign() {
        return Err(CertificateError::KeyUsage);
    }
    identity::check(leaf, expected)?;
    Ok(key)
}

fn find_path(
    chain: &CertificateChain,
    anchors: &TrustAnchors,
    crls: &RevocationLists,
    now: UnixSeconds,
) -> Result<(), CertificateError> {
    let leaf = EndEntityCert::try_from(&chain.leaf.der).map_err(|error| from_webpki(&error))?;
    let lists = crls.newest_first();
    let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|builder| {
        let builder = builder.with_depth(RevocationCheckDepth::Chain);
        let builder = builder.with_status_policy(UnknownStatusPolicy::Allow);
        builder.with_expiration_policy(ExpirationPolicy::Enforce).build()
    });
    // Our own reason against a path, for which webpki has no error: it gets CertDistrusted, which it never says
    // of itself as nothing is on its list of distrusted keys.
    let refusal = RefCell::new(None);
    let look_at = |path: &VerifiedPath<'_>| {
        check_path(path, chain, anchors, crls, now).map_err(|error| {
            refusal.replace(Some(error));
            webpki::Error::CertDistrusted
        })
    };
    let time = UnixTime::since_unix_epoch(Duration::from_secs(now.0));
    let found = leaf.verify_for_usage(
        SIGNATURES,
        &anchors.anchors,
        &chain.intermediates,
        time,
        ForIke,
        revocation,
        Some(&look_at),
    );
    match found {
        Ok(_) => Ok(()),
        Err(webpki::Error::CertDistrusted) => Err(refusal.take().unwrap_or(CertificateError::UnknownIssuer)),
        Err(error) => Err(with_name(from_webpki(&error), chain, now)),
    }
}

/// What webpki does not look at in a path that it found: key usage, and the trust anchor's own constraints.
fn check_path(
    path: &VerifiedPath<'_>,
    chain: &CertificateChain,
    anchors: &TrustAnchors,
    crls: &RevocationLists,
    now: UnixSeconds,
) -> Result<(), CertificateError> {
    let mut count = 0_u32;
    for intermediate in path.intermediate_certificates() {
        let der = intermediate.der();
        let known = chain.others.iter().find(|other| other.der == der).ok_or(CertificateError::Malformed)?;
        if !known.may_certify() {
            return Err(CertificateError::NotAuthority);
        }
        count = count.saturating_add(1);
    }
    // Anchors with the same name and key are one to webpki; one that will do is enough.
    let is_same = |(anchor, _): &(_, _)| *anchor == path.anchor();
    let mut same = anchors.anchors.iter().zip(&anchors.authorities).filter(is_same);
    let (_, first) = same.next().ok_or(CertificateError::UnknownIssuer)?;
    let verdict = check_anchor(first, count, crls, now);
    if same.any(|(_, other)| check_anchor(other, count, crls, now).is_ok()) { Ok(()) } else { verdict }
}

fn check_anchor(
    anchor: &Certificate,
    intermediates: u32,
    crls: &RevocationLists,
    now: UnixSeconds,
) -> Result<(), CertificateError> {
    anchor.check_validity(now)?;
    if anchor.path_len.is_some_and(|allowed| intermediates > allowed) {
        return Err(CertificateError::PathLength);
    }
    if crls.has_issuer(&anchor.subject) && !anchor.may_revoke() {
        return Err(CertificateError::RevocationListNotByIssuer);
    }
    Ok(())
}

/// Puts in the name of the certificate that is out of date.
fn with_name(error: CertificateError, chain: &CertificateChain, now: UnixSeconds) -> CertificateError {
    if !matches!(error, CertificateError::Expired { .. } | CertificateError::NotYetValid { .. }) {
        return error;
    }
    let mut certificates = std::iter::once(&chain.leaf).chain(&chain.others);
    certificates.find_map(|certificate| certificate.check_validity(now).err()).unwrap_or(error)
}

/// Accepts a certificate without extended key usage, or with one of [`PURPOSES`].
struct ForIke;

impl ExtendedKeyUsageValidator for ForIke {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        let mut present = Vec::new();
        for purpose in purposes {
            let purpose = purpose?;
            if PURPOSES.iter().any(|allowed| KeyPurposeId::new(allowed) == purpose) {
                return Ok(());
            }
            present.push(purpose.to_decoded_oid());
        }
        if present.is_empty() {
            return Ok(());
        }
        let required = KeyUsage::required_if_present(IPSEC_IKE);
        Err(webpki::Error::RequiredEkuNotFoundContext(RequiredEkuNotFoundContext { required, present }))
    }
}
