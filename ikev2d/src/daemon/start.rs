//! The order of starting: nothing in the kernel is touched before everything that can be checked has been.

use std::fmt;
use std::path::PathBuf;

use crypto::SystemEntropy;
use ike_proto::endpoint::{Endpoint, EndpointConfig, Ports};
use tokio::sync::mpsc;

use super::clock::Clock;
use super::journal::Journal;
use super::plane::{self, Opened, Plane};
use super::reload::Reloads;
use super::run::Signals;
use super::{Daemon, VERSION, notify};
use crate::config::{self, Config, Errors, Loaded, LogFormat};
use crate::control::{self, ControlLock};
use crate::keeper::Keeper;
use crate::net::{Listen, Sockets};
use crate::reconcile::{self, Roster};

/// Requests that wait for the daemon; a client beyond that waits in its own task.
const CALL_BACKLOG: usize = 16;

/// What the command line says.
#[derive(Clone, Debug)]
pub struct Options {
    /// The node file.
    pub config: PathBuf,
    /// How a log line looks, if not as configured.
    pub log_format: Option<LogFormat>,
    /// What carries the traffic, if not as configured.
    pub plane: Option<Plane>,
}

/// Why the daemon did not start, or ended.
#[derive(Debug)]
pub enum Failure {
    /// The configuration is broken.
    Config(Errors),
    /// Anything else, in one line.
    Runtime(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Config(errors) => errors.fmt(f),
            Failure::Runtime(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Failure {}

/// Reads the configuration and runs the daemon until a signal stops it.
///
/// # Errors
/// The configuration is broken, or a step of starting or stopping failed.
pub fn run(options: &Options) -> Result<(), Failure> {
    let loaded = config::load(&options.config).map_err(Failure::Config)?;
    let node = &loaded.config.node;
    crate::log::start(node.log, options.log_format.unwrap_or(node.log_format));
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Runtime(format!("cannot start the runtime: {error}")))?;
    runtime.block_on(async { start(options, loaded)?.await })
}

/// Takes everything that the daemon needs, in order, and gives back its life.
fn start(options: &Options, loaded: Loaded) -> Result<impl Future<Output = Result<(), Failure>>, Failure> {
    let Config { node, peers } = loaded.config;
    let signals =
        Signals::catch().map_err(|error| Failure::Runtime(format!("cannot catch signals: {error}")))?;
    // First what keeps a second daemon out, then what only looks, then what changes the kernel.
    let lock = ControlLock::take(&node.control).map_err(runtime)?;
    let Opened { mut plane, reason } = plane::open(options.plane, (&node, &peers)).map_err(runtime)?;
    tracing::info!("data plane {}: {reason}", plane.name());
    let listen = Listen { addresses: node.listen.clone(), ike_port: node.ike_port, nat_port: node.nat_port };
    let sockets = Sockets::open(&listen, plane.as_ref()).map_err(runtime)?;
    let leftover = plane.take_over().map_err(runtime)?;
    if leftover.sas > 0 || leftover.policies > 0 {
        let (sas, policies) = (leftover.sas, leftover.policies);
        tracing::info!("an earlier run left {sas} SAs, deleted, and {policies} policies, taken over");
    }
    let plan = reconcile::plan(&Roster::default(), peers).map_err(runtime)?;
    let (calls, received) = mpsc::channel(CALL_BACKLOG);
    let ports = Ports { ike: node.ike_port, nat_traversal: node.nat_port };
    let config = EndpointConfig {
        ports,
        default_proposals: node.proposals.clone(),
        encapsulation: plane.encapsulation(),
        ..EndpointConfig::default()
    };
    let mut daemon = Daemon {
        config_path: options.config.clone(),
        endpoint: Endpoint::new(config, Box::new(SystemEntropy)),
        keeper: Keeper::default(),
        roster: Roster::default(),
        plane,
        plane_reason: reason,
        sockets,
        calls: received,
        clock: Clock::start(),
        journal: Journal::default(),
        policy_errors: std::collections::BTreeMap::new(),
        reloads: Reloads::default(),
        node,
    };
    daemon.apply_plan(&plan).iter().for_each(|wrong| tracing::error!("{wrong}"));
    daemon.plane.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    // Last: whoever finds the socket finds the policies in force.
    let control = lock.listen().map_err(runtime)?;
    tokio::spawn(control::serve(control, calls, daemon.journal.monitors()));
    let listen: Vec<String> = daemon.sockets.addresses().map(|address| address.to_string()).collect();
    tracing::info!(
        "ikev2d {VERSION} is ready: {}, {} peers, data plane {}, listening on {}",
        daemon.node.id,
        daemon.roster.len(),
        daemon.plane.name(),
        listen.join(", ")
    );
    notify::notify("READY=1");
    Ok(async move { daemon.serve(signals).await.map_err(runtime) })
}

fn runtime(error: impl fmt::Display) -> Failure {
    Failure::Runtime(error.to_string())
}
