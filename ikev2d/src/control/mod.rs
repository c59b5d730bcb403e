//! The control socket: how `ikectl` and monitoring talk to the daemon. Documented in `docs/control-protocol.md`.
//!
//! | file | what |
//! |---|---|
//! | `protocol` | requests, replies, events: the JSON |
//! | `report` | the status, field by field |
//! | `line` | one JSON value a line, of bounded length |
//! | `listen` | the socket in the file system, owned by one daemon at a time |
//! | `serve` | one task for each client |
//! | `client` | the other end, for `ikectl` |

mod client;
mod line;
mod listen;
mod protocol;
mod report;
mod serve;

#[cfg(test)]
mod tests;

pub use client::{Client, ClientError};
pub use listen::{ControlLock, ControlSocket, ListenError};
pub use protocol::{
    Action, Answer, Code, Envelope, EventReport, Failure, Outcome, Parsed, Request, VERSION, parse_request,
};
pub use report::{ChildReport, FailureReport, IkeReport, PeerReport, StatusReport};
pub use serve::{Call, MAX_CLIENTS, serve};
