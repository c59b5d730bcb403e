//! The running daemon: feeds the protocol with what comes in, and carries out what it asks for.
//!
//! | file | what |
//! |---|---|
//! | `start` | the order of starting, each step with its own error |
//! | `plane` | which data plane, and why |
//! | `run` | the loop, and the end |
//! | `outputs` | datagrams, work and events that the protocol puts out |
//! | `calls` | what `ikectl` asks for |
//! | `reload` | from one configuration to the next |
//! | `journal` | log lines, monitors' events, counts |
//! | `status`, `names` | what is shown |
//! | `clock`, `notify` | time; the service manager |

mod calls;
mod clock;
mod journal;
mod names;
mod notify;
mod outputs;
mod plane;
mod reload;
mod run;
mod start;
mod status;

use std::collections::BTreeMap;
use std::path::PathBuf;

use ike_proto::endpoint::Endpoint;
use ike_proto::policy::PeerId;
use tokio::sync::mpsc;

use crate::config::Node;
use crate::control::Call;
use crate::dataplane::DataPlane;
use crate::keeper::Keeper;
use crate::net::Sockets;
use crate::reconcile::Roster;

use clock::Clock;
use journal::Journal;
use reload::Reloads;

pub use plane::Plane;
pub use start::{Failure, Options, run};

/// The version that `--version`, the log and the status show.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Everything that a running daemon owns.
struct Daemon {
    config_path: PathBuf,
    node: Node,
    endpoint: Endpoint,
    keeper: Keeper,
    roster: Roster,
    plane: Box<dyn DataPlane>,
    /// Why this data plane.
    plane_reason: String,
    sockets: Sockets,
    calls: mpsc::Receiver<Call>,
    clock: Clock,
    journal: Journal,
    /// Why a peer's policies are not (all) in force.
    policy_errors: BTreeMap<PeerId, String>,
    reloads: Reloads,
}
