//! Chains, anchors and CRLs, made for each test: what is believed, and one refusal for every way to be wrong.

mod constraints;
mod files;
mod names;
mod path;
mod revocation;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, PublicKeyData, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};

use crate::certificate::{
    CertificateChain, CertificateError, PeerIdentity, RevocationLists, TrustAnchors, UnixSeconds, verify,
};
use crate::signature::PublicKey;

/// 2026-06-01 00:00 UTC. Certificates are valid in 2026 unless a test says otherwise.
const NOW: UnixSeconds = UnixSeconds(1_780_272_000);
const DNS: PeerIdentity<'_> = PeerIdentity::Dns("a.example");

/// The serial number of every leaf.
const LEAF_SERIAL: u64 = 7_001;
/// The serial number of every intermediate authority.
const AUTHORITY_SERIAL: u64 = 7_002;

type Change<'a> = &'a dyn Fn(&mut CertificateParams);

fn params(name: &str, serial: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2026, 12, 31);
    params.distinguished_name.push(DnType::OrganizationName, "Mesh");
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from(serial));
    params
}

struct Authority {
    params: CertificateParams,
    key: KeyPair,
    der: Vec<u8>,
}

impl Authority {
    fn params(name: &str, change: Change<'_>) -> CertificateParams {
        let mut params = params(name, AUTHORITY_SERIAL);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        change(&mut params);
        params
    }

    fn root(name: &str, change: Change<'_>) -> Authority {
        let (params, key) = (Authority::params(name, change), KeyPair::generate().unwrap());
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Authority { params, key, der }
    }

    fn below(&self, name: &str, change: Change<'_>) -> Authority {
        let (params, key) = (Authority::params(name, change), KeyPair::generate().unwrap());
        let der = params.signed_by(&key, &self.issuer()).unwrap().der().to_vec();
        Authority { params, key, der }
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }

    fn leaf_for(&self, key: &impl PublicKeyData, change: Change<'_>) -> Vec<u8> {
        let mut params = leaf_params();
        change(&mut params);
        params.signed_by(key, &self.issuer()).unwrap().der().to_vec()
    }

    fn leaf(&self, change: Change<'_>) -> Vec<u8> {
        self.leaf_for(&KeyPair::generate().unwrap(), change)
    }

    /// A CRL of `month` 2026 with these serial numbers, due a month later.
    fn crl(&self, month: u8, serials: &[u64]) -> Vec<u8> {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2026, 2, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, month, 1),
            next_update: date_time_ymd(2026, month + 1, 2),
            crl_number: SerialNumber::from(u64::from(month)),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        // rcgen refuses to sign for an issuer without cRLSign; a careless CA does not.
        let mut params = self.params.clone();
        params.key_usages.clear();
        list.signed_by(&Issuer::from_params(&params, &self.key)).unwrap().der().to_vec()
    }
}

fn leaf_params() -> CertificateParams {
    let mut params = params("node a", LEAF_SERIAL);
    params.subject_alt_names = vec![
        SanType::DnsName("a.example".try_into().unwrap()),
        SanType::IpAddress("192.0.2.1".parse().unwrap()),
        SanType::IpAddress("2001:db8::1".parse().unwrap()),
        SanType::Rfc822Name("admin@example".try_into().unwrap()),
    ];
    params
}

fn same(_: &mut CertificateParams) {}

fn anchors(authority: &Authority) -> TrustAnchors {
    let mut anchors = TrustAnchors::new();
    anchors.trust_authority(&authority.der).unwrap();
    anchors
}

fn chain(ders: &[&[u8]]) -> CertificateChain {
    CertificateChain::from_ders(ders).unwrap()
}

/// The verdict on `ders` below `root` with nothing revoked.
fn verdict(root: &Authority, ders: &[&[u8]]) -> Result<PublicKey, CertificateError> {
    verify(&chain(ders), &anchors(root), &RevocationLists::new(), NOW, DNS)
}

/// The verdict on a leaf straight below a root.
fn verdict_on(root: Change<'_>, leaf: Change<'_>) -> Result<(), CertificateError> {
    let root = Authority::root("root", root);
    verdict(&root, &[&root.leaf(leaf)]).map(|_| ())
}

/// The verdict on a leaf below an intermediate authority.
fn verdict_below(intermediate: Change<'_>, leaf: Change<'_>) -> Result<(), CertificateError> {
    let root = Authority::root("root", &same);
    let intermediate = root.below("intermediate", intermediate);
    verdict(&root, &[&intermediate.leaf(leaf), &intermediate.der]).map(|_| ())
}
