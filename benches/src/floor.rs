//! The cryptography of one handshake and nothing else: what both ends must compute whatever the code around it is.
//!
//! Left out are random numbers besides those of the key exchange, and digests by which our own code tells messages
//! apart: they are costs of the implementation.

use std::hint::black_box;

use crypto::{
    Encryption, IkeContext, IkeKeys, IkeSuite, KeGroup, Prf, Protection, Sealer, Secret, SystemEntropy,
    auth_equal, child_keys, ike_keys, psk_auth, sha1, skeyseed,
};

use crate::pair::{IDENTITIES, PSK};

const PRF: Prf = Prf::HmacSha2_256;
const ENCRYPTION: Encryption = Encryption::AesGcm16_128;

/// Octets of a nonce of ours.
const NONCE_LEN: usize = 32;
/// Octets of the IKE header, and of the generic header of the SK payload, which are authenticated only.
const ASSOCIATED_LEN: usize = 28 + 4;

/// The operations of one handshake, over messages as long as the real ones.
pub struct Floor {
    psk: Secret,
    protection: Protection,
    nonces: [Vec<u8>; 2],
    spis: [[u8; 8]; 2],
    /// Both IKE_SA_INIT messages.
    init: [Vec<u8>; 2],
    /// Associated data, IV and plaintext of both IKE_AUTH messages.
    auth: [Vec<u8>; 2],
}

impl Floor {
    /// Takes the lengths from the four datagrams of a handshake.
    pub fn of(datagrams: &[Vec<u8>]) -> Floor {
        let [init_request, init_response, auth_request, auth_response] = datagrams else {
            panic!("a handshake has 4 datagrams, not {}", datagrams.len());
        };
        let protection = Protection::aead(ENCRYPTION).expect("an AEAD");
        let open = |sealed: &Vec<u8>| vec![7; sealed.len().saturating_sub(protection.icv_len())];
        Floor {
            psk: Secret::copy_from(PSK),
            protection,
            nonces: [vec![1; NONCE_LEN], vec![2; NONCE_LEN]],
            spis: [[3; 8], [4; 8]],
            init: [init_request.clone(), init_response.clone()],
            auth: [open(auth_request), open(auth_response)],
        }
    }

    /// Does all of it once.
    pub fn run(&self) {
        self.nat_hashes();
        let shared = key_exchange();
        let [initiator, responder] = shared.map(|shared| self.keys(&shared));
        let proofs = [self.authenticate(&initiator.sk_pi, 0), self.authenticate(&responder.sk_pr, 1)];
        let checks = [self.authenticate(&responder.sk_pi, 0), self.authenticate(&initiator.sk_pr, 1)];
        for (proof, check) in proofs.iter().zip(&checks) {
            black_box(auth_equal(proof.expose(), check.expose()));
        }
        protect(&self.auth[0], &initiator.initiator, &responder.initiator);
        protect(&self.auth[1], &responder.responder, &initiator.responder);
        for end in [&initiator, &responder] {
            let keys = child_keys(PRF, &end.sk_d, None, &self.nonces[0], &self.nonces[1], self.protection);
            black_box(keys.expect("keys"));
        }
    }

    /// Each end hashes both addresses and ports to send them, and again to compare with what came (RFC 7296 2.23).
    fn nat_hashes(&self) {
        for _ in 0..8 {
            black_box(sha1(&[&self.spis[0], &self.spis[1], black_box(&[192, 0, 2, 10]), &[1, 244]]));
        }
    }

    /// SKEYSEED, SK_* and the four cipher keys of one end (RFC 7296 2.14).
    fn keys(&self, shared: &Secret) -> IkeKeys {
        let [ni, nr] = &self.nonces;
        let seed = skeyseed(PRF, ni, nr, shared);
        let context = IkeContext { ni, nr, spi_i: self.spis[0], spi_r: self.spis[1] };
        ike_keys(IkeSuite { protection: self.protection, prf: PRF }, &seed, &context).expect("keys")
    }

    /// AUTH of one end (RFC 7296 2.15).
    fn authenticate(&self, sk_p: &Secret, end: usize) -> Secret {
        let maced_id = PRF.compute(sk_p.expose(), &[&[2, 0, 0, 0], IDENTITIES[end].as_bytes()]);
        psk_auth(PRF, &self.psk, &[&self.init[end], &self.nonces[end ^ 1], maced_id.expose()])
    }
}

/// One IKE_AUTH message, sealed by one end and opened by the other (RFC 7296 3.14).
fn protect(message: &[u8], sender: &Sealer, receiver: &Sealer) {
    let mut packet = Vec::with_capacity(message.len().saturating_add(sender.icv_len()));
    packet.extend_from_slice(message);
    sender.seal(&mut packet, ASSOCIATED_LEN).expect("sealed");
    black_box(receiver.open(&mut packet, ASSOCIATED_LEN).expect("opened"));
}

/// Both halves of the key exchange; gives the secret that each end has (RFC 7296 2.12).
fn key_exchange() -> [Secret; 2] {
    let [initiator, responder] =
        [(); 2].map(|()| KeGroup::X25519.generate(&mut SystemEntropy).expect("a key exchange secret"));
    let publics = [initiator.public().to_vec(), responder.public().to_vec()];
    [initiator.agree(&publics[1]).expect("a secret"), responder.agree(&publics[0]).expect("a secret")]
}
