//! What this kernel can really do: throw-away SAs between loopback addresses, added and deleted at once.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{
    Aead, Algorithms, Cipher, Error, Family, Integrity, Kernel, KeyLength, Mode, Operation, Protection,
    Reqid, Sa, SaDirection, SaId, SaParameters, Secret, Spi,
};

/// SPIs 1 to 255 are reserved (RFC 4303 section 2.1): no negotiated SA has one.
const PROBE_SPI: Spi = Spi(0xff);

/// Whether SAs of these algorithms can be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Support {
    /// Family of the outer addresses.
    pub family: Family,
    /// Algorithms.
    pub algorithms: Algorithms,
    /// `Ok`, or why not; the hint names the missing module.
    pub result: Result<(), Error>,
}

impl Kernel {
    /// Adds and deletes one SA for each family and each set of algorithms.
    ///
    /// The kernel loads the modules that it needs and has, so the first SA of a peer need not wait for that.
    /// Takes some milliseconds, or seconds when modules are loaded.
    pub fn probe(&mut self) -> Vec<Support> {
        let mut all = Vec::new();
        for family in [Family::V4, Family::V6] {
            let mut results: Vec<Support> = Vec::new();
            for protection in protections().into_iter().flatten() {
                let algorithms = protection.algorithms();
                results.push(Support { family, algorithms, result: self.try_sa(family, protection) });
            }
            without_esp_no_algorithm_matters(&mut results);
            all.append(&mut results);
        }
        all
    }

    fn try_sa(&mut self, family: Family, protection: Protection) -> Result<(), Error> {
        let loopback: IpAddr = match family {
            Family::V4 => Ipv4Addr::LOCALHOST.into(),
            Family::V6 => Ipv6Addr::LOCALHOST.into(),
        };
        let id = SaId::new(loopback, loopback, PROBE_SPI);
        let sa = Sa {
            direction: SaDirection::Out,
            parameters: SaParameters::new(id, Reqid(0), Mode::Transport),
            protection,
        };
        let added = self.apply_one(Operation::AddSa(sa));
        if added.is_ok() || added.as_ref().is_err_and(Error::is_already_there) {
            // Already there: a probe was killed in between.
            return self.apply_one(Operation::DeleteSa(id));
        }
        added
    }
}

/// The kernel looks for the algorithm before it looks for ESP, so one SA may fail for the one and the next for the
/// other: tells of ESP for all of them.
fn without_esp_no_algorithm_matters(results: &mut [Support]) {
    let no_esp = |support: &Support| {
        support.result.as_ref().err().filter(|error| error.errno() == Some(libc::EPROTONOSUPPORT)).cloned()
    };
    if let Some(error) = results.iter().find_map(no_esp) {
        results.iter_mut().for_each(|support| support.result = Err(error.clone()));
    }
}

/// One of each that IKE may negotiate, with keys that protect nothing.
fn protections() -> [Result<Protection, KeyLength>; 6] {
    let key = |octets| Secret::copy_from(&vec![1; octets]);
    let separate = |integrity, octets| Protection::separate(Cipher::AesCbc, key(32), integrity, key(octets));
    [
        Protection::aead(Aead::AesGcm16, key(20)),
        Protection::aead(Aead::AesGcm16, key(36)),
        Protection::aead(Aead::ChaCha20Poly1305, key(36)),
        separate(Integrity::HmacSha256_128, 32),
        separate(Integrity::HmacSha384_192, 48),
        separate(Integrity::HmacSha512_256, 64),
    ]
}
