//! A simulated network of real [`Endpoint`]s with mock kernels: seeded, without sleeping, checked after every step.
//!
//! Time jumps to the next thing that happens. The wire delays, loses, duplicates and reorders datagrams by a seed.
//! After each step the invariants of [`watch`] hold, or the run panics with the seed in its message.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "this crate is a test harness: a broken expectation must stop the test"
)]

pub mod kernel;
pub mod node;
pub mod policies;
pub mod watch;
pub mod world;

pub use ike_proto::endpoint::Endpoint;
pub use node::Node;
pub use policies::{Setup, policy};
pub use world::{Conditions, World};
