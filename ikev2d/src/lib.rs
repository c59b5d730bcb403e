//! The daemon's parts: everything that touches the world. The protocol's decisions are `ike-proto`'s.
pub mod config;
pub mod control;
pub mod ctl;
pub mod daemon;
pub mod dataplane;
pub mod keeper;
pub mod log;
pub mod net;
pub mod reconcile;
