//! IKEv2 (RFC 7296) as a wire format and a deterministic, sans-IO machine.
//!
//! Data flows one way: a datagram is parsed by [`wire`], becomes a typed message in [`message`], an outcome
//! of an exchange in `exchange`, and moves one IKE SA's phase in `sa`; the [`endpoint`] holds them all and
//! emits [`Output`](output::Output)s. There is no clock, no randomness and no I/O in here: time and entropy
//! come in, datagrams and work go out.
//!
//! Files import only downwards, in this order (a test of the workspace checks it): `ids`, `time`; `wire`;
//! `policy`, `output`, `event`, `status`, `message`; `keys`, `octets`, `natd`, `cookie`, `seal`; `exchange`; `sa`;
//! `endpoint`.
#![forbid(unsafe_code)]

mod cookie;
pub mod endpoint;
pub mod event;
mod exchange;
pub mod ids;
mod keys;
pub mod message;
mod natd;
mod octets;
pub mod output;
pub mod policy;
mod sa;
mod seal;
pub mod status;
pub mod time;
pub mod wire;
