//! The wire format from outside: round trips, hostile octets, and messages that RFCs print.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may stop at the first surprise"
)]

mod generate;
mod hostile;
mod rfc_messages;
mod round_trip;
