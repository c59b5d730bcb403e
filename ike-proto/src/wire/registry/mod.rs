//! The numbers that IANA assigns to IKEv2, as types: the known ones by name, unknown ones kept as they are.
//!
//! Source: <https://www.iana.org/assignments/ikev2-parameters>. Names are IANA's; where IANA repeats the
//! registry in the name (`ID_FQDN`, `ENCR_AES_CBC`) the type or module says it instead.

mod notify;
mod transform;

pub use notify::NotifyType;
pub use transform::{TransformId, TransformType, encr, esn, integ, ke, prf};

/// Declares a registry: a newtype over its number, a constant per assigned value, and `Display` by name.
macro_rules! registry {
    ($(#[$about:meta])* $name:ident($number:ty) { $($constant:ident = $value:literal,)* }) => {
        $(#[$about])*
        #[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub $number);

        impl $name {
            $(
                #[doc = concat!("`", stringify!($constant), "`, ", stringify!($value), ".")]
                pub const $constant: $name = $name($value);
            )*

            /// The name of an assigned number that is known here.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($constant)),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            /// The name, or the type and the number of an unknown one.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => write!(f, "{}({})", stringify!($name), self.0),
                }
            }
        }
    };
}
use registry;

registry! {
    /// What a message is part of (RFC 7296 section 3.1).
    ExchangeType(u8) {
        IKE_SA_INIT = 34,
        IKE_AUTH = 35,
        CREATE_CHILD_SA = 36,
        INFORMATIONAL = 37,
        IKE_SESSION_RESUME = 38,
        IKE_INTERMEDIATE = 43,
        IKE_FOLLOWUP_KE = 44,
    }
}

registry! {
    /// What a payload is (RFC 7296 section 3.2). Values 1 to 32 belong to IKEv1.
    PayloadType(u8) {
        NONE = 0,
        SA = 33,
        KE = 34,
        ID_INITIATOR = 35,
        ID_RESPONDER = 36,
        CERT = 37,
        CERTREQ = 38,
        AUTH = 39,
        NONCE = 40,
        NOTIFY = 41,
        DELETE = 42,
        VENDOR_ID = 43,
        TS_INITIATOR = 44,
        TS_RESPONDER = 45,
        ENCRYPTED = 46,
        CONFIGURATION = 47,
        EAP = 48,
        ENCRYPTED_FRAGMENT = 53,
        PUZZLE_SOLUTION = 54,
    }
}

registry! {
    /// The protocol that an SPI or a proposal is for (RFC 7296 section 3.3.1).
    Protocol(u8) {
        NONE = 0,
        IKE = 1,
        AH = 2,
        ESP = 3,
    }
}

registry! {
    /// The form of an identity (RFC 7296 section 3.5).
    IdType(u8) {
        IPV4_ADDR = 1,
        FQDN = 2,
        RFC822_ADDR = 3,
        IPV6_ADDR = 5,
        DER_ASN1_DN = 9,
        DER_ASN1_GN = 10,
        KEY_ID = 11,
        FC_NAME = 12,
        NULL = 13,
    }
}

registry! {
    /// How AUTH was made (RFC 7296 section 3.8).
    AuthMethod(u8) {
        RSA_DIGITAL_SIGNATURE = 1,
        SHARED_KEY = 2,
        DSS_DIGITAL_SIGNATURE = 3,
        ECDSA_SHA256_P256 = 9,
        ECDSA_SHA384_P384 = 10,
        ECDSA_SHA512_P521 = 11,
        SECURE_PASSWORD = 12,
        NULL = 13,
        DIGITAL_SIGNATURE = 14,
    }
}

registry! {
    /// The form of a certificate (RFC 7296 section 3.6).
    CertEncoding(u8) {
        PKCS7_X509 = 1,
        PGP = 2,
        DNS_SIGNED_KEY = 3,
        X509_SIGNATURE = 4,
        KERBEROS_TOKEN = 6,
        CRL = 7,
        ARL = 8,
        SPKI = 9,
        X509_ATTRIBUTE = 10,
        HASH_URL_X509 = 12,
        HASH_URL_BUNDLE = 13,
        OCSP_CONTENT = 14,
        RAW_PUBLIC_KEY = 15,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_number_prints_its_name() {
        assert_eq!(ExchangeType::IKE_SA_INIT.to_string(), "IKE_SA_INIT");
        assert_eq!(PayloadType(48).to_string(), "EAP");
    }

    #[test]
    fn an_unknown_number_prints_its_registry_and_value() {
        assert_eq!(ExchangeType(99).to_string(), "ExchangeType(99)");
        assert_eq!(PayloadType(1).to_string(), "PayloadType(1)");
    }
}
