//! Transform Types, and the Transform IDs of each (RFC 7296 section 3.3.2 and the algorithms' own RFCs).

use super::registry;

registry! {
    /// What a transform chooses (RFC 7296 section 3.3.2, RFC 9370 for the additional key exchanges).
    TransformType(u8) {
        ENCR = 1,
        PRF = 2,
        INTEG = 3,
        KE = 4,
        ESN = 5,
        ADDKE1 = 6,
        ADDKE2 = 7,
        ADDKE3 = 8,
        ADDKE4 = 9,
        ADDKE5 = 10,
        ADDKE6 = 11,
        ADDKE7 = 12,
    }
}

/// A choice within a [`TransformType`]: the same number means another algorithm in each, so that the names
/// live in one module per type.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TransformId(pub u16);

impl TransformId {
    /// The algorithm's name within the transform type, if both are known here.
    pub const fn name(self, kind: TransformType) -> Option<&'static str> {
        match kind {
            TransformType::ENCR => encr::name(self),
            TransformType::PRF => prf::name(self),
            TransformType::INTEG => integ::name(self),
            TransformType::ESN => esn::name(self),
            TransformType(4 | 6..=12) => ke::name(self),
            _ => None,
        }
    }
}

impl std::fmt::Display for TransformId {
    /// The bare number.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Declares the module of one transform type's IDs.
macro_rules! transform_ids {
    ($(#[$about:meta])* $module:ident { $($constant:ident = $value:literal,)* }) => {
        $(#[$about])*
        pub mod $module {
            use super::TransformId;

            $(
                #[doc = concat!("`", stringify!($constant), "`, ", stringify!($value), ".")]
                pub const $constant: TransformId = TransformId($value);
            )*

            /// The name of an ID that is known here.
            pub const fn name(id: TransformId) -> Option<&'static str> {
                match id.0 {
                    $($value => Some(stringify!($constant)),)*
                    _ => None,
                }
            }
        }
    };
}

transform_ids! {
    /// Encryption algorithms, transform type 1.
    encr {
        DES = 2,
        TRIPLE_DES = 3,
        NULL = 11,
        AES_CBC = 12,
        AES_CTR = 13,
        AES_CCM_8 = 14,
        AES_CCM_12 = 15,
        AES_CCM_16 = 16,
        AES_GCM_8 = 18,
        AES_GCM_12 = 19,
        AES_GCM_16 = 20,
        NULL_AUTH_AES_GMAC = 21,
        CAMELLIA_CBC = 23,
        CHACHA20_POLY1305 = 28,
        AES_CCM_8_IIV = 29,
        AES_GCM_16_IIV = 30,
        CHACHA20_POLY1305_IIV = 31,
    }
}

transform_ids! {
    /// Pseudorandom functions, transform type 2.
    prf {
        HMAC_MD5 = 1,
        HMAC_SHA1 = 2,
        AES128_XCBC = 4,
        HMAC_SHA2_256 = 5,
        HMAC_SHA2_384 = 6,
        HMAC_SHA2_512 = 7,
        AES128_CMAC = 8,
    }
}

transform_ids! {
    /// Integrity algorithms, transform type 3.
    integ {
        NONE = 0,
        HMAC_MD5_96 = 1,
        HMAC_SHA1_96 = 2,
        AES_XCBC_96 = 5,
        AES_CMAC_96 = 8,
        AES_128_GMAC = 9,
        AES_192_GMAC = 10,
        AES_256_GMAC = 11,
        HMAC_SHA2_256_128 = 12,
        HMAC_SHA2_384_192 = 13,
        HMAC_SHA2_512_256 = 14,
    }
}

transform_ids! {
    /// Key exchange methods, transform types 4 and 6 to 12; also the group of a KE payload.
    ke {
        NONE = 0,
        MODP_768 = 1,
        MODP_1024 = 2,
        MODP_1536 = 5,
        MODP_2048 = 14,
        MODP_3072 = 15,
        MODP_4096 = 16,
        MODP_6144 = 17,
        MODP_8192 = 18,
        ECP_256 = 19,
        ECP_384 = 20,
        ECP_521 = 21,
        MODP_1024_160 = 22,
        MODP_2048_224 = 23,
        MODP_2048_256 = 24,
        ECP_192 = 25,
        ECP_224 = 26,
        BRAINPOOL_P224R1 = 27,
        BRAINPOOL_P256R1 = 28,
        BRAINPOOL_P384R1 = 29,
        BRAINPOOL_P512R1 = 30,
        X25519 = 31,
        X448 = 32,
        ML_KEM_512 = 35,
        ML_KEM_768 = 36,
        ML_KEM_1024 = 37,
    }
}

transform_ids! {
    /// Whether ESP uses extended (64-bit) sequence numbers, transform type 5.
    esn {
        NO = 0,
        YES = 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_has_another_name_in_each_type() {
        assert_eq!(TransformId(12).name(TransformType::ENCR), Some("AES_CBC"));
        assert_eq!(TransformId(12).name(TransformType::INTEG), Some("HMAC_SHA2_256_128"));
        assert_eq!(TransformId(12).name(TransformType(99)), None);
    }

    #[test]
    fn an_additional_key_exchange_takes_its_names_from_the_key_exchanges() {
        assert_eq!(ke::ML_KEM_768.name(TransformType::ADDKE1), Some("ML_KEM_768"));
        assert_eq!(ke::X25519.name(TransformType::KE), Some("X25519"));
    }
}
