//! OpenSSL's command line at the other end: its signatures, chains and CRLs, and its verdict on our signatures.
//! Where it is not installed, these checks say so and do nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::key;
use crate::certificate::{
    CertificateChain, CertificateError, PeerIdentity, RevocationLists, TrustAnchors, UnixSeconds, verify,
};
use crate::signature::{Scheme, SigningKey};
use crate::{SeededEntropy, pem};

/// A folder that is removed with everything in it.
struct Folder(PathBuf);

impl Folder {
    /// `None`, with a line that says so, if there is no OpenSSL to use it with.
    fn new(name: &str) -> Option<Folder> {
        if Command::new("openssl").arg("version").output().is_err() {
            println!("skipped {name}: no openssl on this machine");
            return None;
        }
        let path = std::env::temp_dir().join(format!("ike-crypto-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Some(Folder(path))
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.0.join(name), content).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.join(name)).unwrap()
    }

    /// Runs `openssl` with the words of `arguments`, and says whether it succeeded.
    fn try_openssl(&self, arguments: &str) -> bool {
        run(&self.0, arguments).status.success()
    }

    fn openssl(&self, arguments: &str) {
        let output = run(&self.0, arguments);
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run(folder: &Path, arguments: &str) -> std::process::Output {
    Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output().unwrap()
}

/// What `openssl dgst` needs for a scheme; Ed25519 is `pkeyutl`'s.
fn digest_options(scheme: Scheme) -> Option<&'static str> {
    Some(match scheme {
        Scheme::Ed25519 => return None,
        Scheme::EcdsaSha256 | Scheme::RsaPkcs1Sha256 => "-sha256",
        Scheme::EcdsaSha384 | Scheme::RsaPkcs1Sha384 => "-sha384",
        Scheme::RsaPkcs1Sha512 => "-sha512",
        Scheme::RsaPssSha256 => "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32",
        Scheme::RsaPssSha384 => "-sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:48",
        Scheme::RsaPssSha512 => "-sha512 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:64",
    })
}

#[test]
fn openssl_and_we_believe_each_other_s_signatures() {
    let Some(folder) = Folder::new("signatures") else { return };
    folder.write("octets", "octets");
    let mut checked = 0;
    for name in ["ed25519_pkcs8", "p256_sec1", "p384_sec1", "rsa2048_pkcs1", "rsa4096_pkcs8"] {
        let ours = SigningKey::from_pem(&key(name)).unwrap();
        folder.write("private", key(name));
        folder.write("public", pem::encode("PUBLIC KEY", ours.public_key().spki()));
        for scheme in ours.schemes() {
            folder.write("ours", ours.sign(*scheme, b"octets").unwrap());
            folder.write("bad", ours.sign(*scheme, b"others").unwrap());
            let (verify, sign) = match digest_options(*scheme) {
                Some(options) => (
                    format!("dgst {options} -verify public -signature SIGNATURE octets"),
                    format!("dgst {options} -sign private -out theirs octets"),
                ),
                None => (
                    "pkeyutl -verify -pubin -inkey public -rawin -in octets -sigfile SIGNATURE".to_owned(),
                    "pkeyutl -sign -inkey private -rawin -in octets -out theirs".to_owned(),
                ),
            };
            assert!(folder.try_openssl(&verify.replace("SIGNATURE", "ours")), "{name} {scheme}");
            assert!(!folder.try_openssl(&verify.replace("SIGNATURE", "bad")), "{name} {scheme}");
            folder.openssl(&sign);
            let theirs = folder.read("theirs");
            assert!(ours.public_key().verify(*scheme, b"octets", &theirs), "{name} {scheme}");
            assert!(!ours.public_key().verify(*scheme, b"others", &theirs), "{name} {scheme}");
            checked += 1;
        }
    }
    assert_eq!(checked, 1 + 1 + 1 + 6 + 6);
}

#[test]
fn openssl_reads_a_key_that_we_generated() {
    let Some(folder) = Folder::new("generated") else { return };
    let (made, text) = SigningKey::generate_ed25519(&mut SeededEntropy::new(9)).unwrap();
    folder.write("private", text.expose());
    folder.openssl("pkey -in private -pubout -outform DER -out public");
    assert_eq!(folder.read("public"), made.public_key().spki());
}

/// What `openssl ca` wants to know before it revokes anything.
const CA: &str = "[ca]\ndefault_ca = this\n[this]\ndatabase = index\ncertificate = middle.pem\n\
    private_key = middle.key\ndefault_md = sha256\ndefault_crl_days = 30\n";
/// What makes its lists version 2.
const CRL: &str = "crlnumber = number\ncrl_extensions = crl\n[crl]\nauthorityKeyIdentifier = keyid:always\n";

/// A root with RSA that signs with PSS, an intermediate with P-384, and a leaf with Ed25519.
fn make_chain(folder: &Folder) {
    for (name, private) in [("root", "rsa2048_pkcs8"), ("middle", "p384_pkcs8"), ("leaf", "ed25519_pkcs8")] {
        folder.write(&format!("{name}.key"), key(private));
    }
    let ca = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n";
    folder.write(
        "ca",
        format!("{ca}nameConstraints=critical,permitted;DNS:example,permitted;IP:192.0.2.0/255.255.255.0"),
    );
    folder.write(
        "peer",
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=ipsecIKE\n\
         subjectAltName=DNS:a.example,IP:192.0.2.1\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
    );
    let pss = "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32";
    folder
        .openssl(&format!("req -new -x509 -key root.key -subj /O=Mesh/CN=root -days 30 {pss} -out root.pem"));
    folder.openssl("req -new -key middle.key -subj /O=Mesh/CN=middle -out middle.csr");
    folder.openssl(&format!(
        "x509 -req -in middle.csr -CA root.pem -CAkey root.key -CAcreateserial -extfile ca -days 30 {pss} -out middle.pem"
    ));
    folder.openssl("req -new -key leaf.key -subj /O=Mesh/CN=node -out leaf.csr");
    folder.openssl(
        "x509 -req -in leaf.csr -CA middle.pem -CAkey middle.key -CAcreateserial -extfile peer -days 30 -sha384 -out leaf.pem",
    );
}

#[test]
fn a_chain_and_a_revocation_list_by_openssl_are_understood() {
    let Some(folder) = Folder::new("chain") else { return };
    make_chain(&folder);
    let text = |name: &str| String::from_utf8(folder.read(name)).unwrap();
    let chain = CertificateChain::from_pem(&[text("leaf.pem"), text("middle.pem")].concat()).unwrap();
    let mut anchors = TrustAnchors::new();
    assert_eq!(anchors.trust_authorities_in_pem(&text("root.pem")), Ok(1));
    // Made just now, valid for thirty days: half way through them.
    let now = UnixSeconds(chain.not_after().0 - 15 * 86_400);
    let verdict =
        |lists: &RevocationLists, name| verify(&chain, &anchors, lists, now, PeerIdentity::Dns(name));
    let mut lists = RevocationLists::new();
    let private = SigningKey::from_pem(&key("ed25519_pkcs8")).unwrap();
    assert_eq!(verdict(&lists, "a.example").as_ref(), Ok(private.public_key()));
    assert!(matches!(verdict(&lists, "b.example"), Err(CertificateError::WrongIdentity { .. })));

    folder.write("config", CA);
    folder.write("index", "");
    folder.openssl("ca -config config -gencrl -out old.pem");
    let error = lists.add_file(&folder.read("old.pem")).unwrap_err().to_string();
    assert!(error.contains("version 1"), "{error}");

    folder.write("config", [CA, CRL].concat());
    folder.write("number", "01\n");
    folder.openssl("ca -config config -gencrl -out clean.pem");
    assert_eq!(lists.add_file(&folder.read("clean.pem")), Ok(1));
    assert!(verdict(&lists, "a.example").is_ok());
    folder.openssl("ca -config config -revoke leaf.pem");
    folder.openssl("ca -config config -gencrl -out revoked.pem");
    let mut lists = RevocationLists::new();
    lists.add_file(&folder.read("revoked.pem")).unwrap();
    assert_eq!(verdict(&lists, "a.example"), Err(CertificateError::Revoked));
}
