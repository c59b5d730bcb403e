//! What the benches measure and how: a pair of endpoints, the cryptography that they cannot do without, CPU time.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench whose handshake fails has nothing to measure and must stop"
)]

pub mod cpu;
pub mod floor;
pub mod pair;
