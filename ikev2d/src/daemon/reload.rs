//! From one configuration to the next: read on a thread of its own, applied in one go, or not at all.

use std::path::Path;

use ike_proto::output::Command;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};

use super::{Daemon, names};
use crate::config::{self, Config, Errors, Loaded, Node};
use crate::control::{Answer, Code, Failure};
use crate::dataplane::PlaneError;
use crate::keeper::Keeper;
use crate::reconcile::{self, Plan};

type Reply = oneshot::Sender<Result<Answer, Failure>>;
type Reading = JoinHandle<Result<Loaded, Errors>>;

/// The reading that is under way, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct Reloads {
    reading: Option<Reading>,
    /// Who gets the outcome of this reading.
    waiting: Vec<Reply>,
    /// Who came after it began: the files may have changed since, so they need one of their own.
    next: Vec<Reply>,
    again: bool,
}

impl Reloads {
    /// Waits for the reading to end; for ever if there is none.
    pub async fn finished(&mut self) -> Result<Result<Loaded, Errors>, JoinError> {
        match &mut self.reading {
            Some(reading) => reading.await,
            None => std::future::pending().await,
        }
    }
}

impl Daemon {
    /// Begins to read the configuration, or notes that it must be read once more.
    pub(super) fn start_reload(&mut self, reply: Option<Reply>) {
        let reloads = &mut self.reloads;
        if reloads.reading.is_some() {
            reloads.again = true;
            reloads.next.extend(reply);
            return;
        }
        reloads.waiting.extend(reply);
        reloads.reading = Some(read(&self.config_path));
    }

    /// Takes the outcome of a reading: applies it, tells it, and begins the next one if somebody waits for it.
    pub(super) fn finish_reload(&mut self, read_out: Result<Result<Loaded, Errors>, JoinError>) {
        self.reloads.reading = None;
        let answer = match read_out {
            Ok(Ok(loaded)) => self.apply_loaded(loaded),
            Ok(Err(errors)) => Err(Failure { code: Code::BadConfiguration, message: errors.to_string() }),
            Err(error) => Err(Failure { code: Code::Failed, message: format!("the reader failed: {error}") }),
        };
        match &answer {
            Ok(_) => {}
            Err(failure) => {
                let message = format!("the configuration is not changed: {}", failure.message);
                tracing::error!("{message}");
                self.journal.reloaded(&message);
            }
        }
        for reply in self.reloads.waiting.drain(..) {
            let _ = reply.send(answer.clone());
        }
        if std::mem::take(&mut self.reloads.again) {
            self.reloads.waiting = std::mem::take(&mut self.reloads.next);
            self.reloads.reading = Some(read(&self.config_path));
        }
    }

    fn apply_loaded(&mut self, loaded: Loaded) -> Result<Answer, Failure> {
        let Loaded { config: Config { node, peers }, warnings } = loaded;
        let plan = reconcile::plan(&self.roster, peers)
            .map_err(|error| Failure { code: Code::Failed, message: error.to_string() })?;
        let mut warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        warnings.extend(needs_restart(&self.node, &node));
        warnings.extend(self.apply_plan(&plan));
        self.node.id = node.id;
        let (added, removed) = (plan.add.len(), plan.remove.len());
        let (changed, touched, unchanged) = (plan.change.len(), plan.touch.len(), plan.unchanged);
        let message = format!(
            "configuration read again: {added} peers added, {removed} removed, {changed} changed, {touched} touched, \
             {unchanged} unchanged"
        );
        tracing::info!("{message}");
        warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        self.journal.reloaded(&message);
        Ok(Answer::Reloaded { added, removed, changed, touched, unchanged, warnings })
    }

    /// Makes a plan true: policies first, so that no traffic passes in clear while SAs come and go. Returns what went
    /// wrong, peer by peer.
    pub(super) fn apply_plan(&mut self, plan: &Plan) -> Vec<String> {
        let mut wrong = Vec::new();
        let names_before: Vec<String> = plan.remove.iter().map(|(_, name)| name.clone()).collect();
        for (peer, _) in &plan.remove {
            self.plane.release(*peer);
            self.policy_errors.remove(peer);
            self.endpoint.handle_command(self.clock.now(), Command::Remove(*peer));
            self.drain();
        }
        for (peer, _) in &plan.change {
            self.plane.release(*peer);
        }
        self.roster.apply(plan);
        self.keeper = Keeper::new(self.roster.iter().map(|(id, peer)| (id, peer.psk.clone())));
        for (peer, definition) in plan.add.iter().chain(&plan.change) {
            match self.plane.protect(*peer, &definition.policy) {
                Ok(()) => drop(self.policy_errors.remove(peer)),
                Err(PlaneError(error)) => {
                    wrong.push(format!("{}: policies are not all in force: {error}", definition.name));
                    self.policy_errors.insert(*peer, error);
                }
            }
        }
        if let Err(PlaneError(error)) = self.plane.sweep() {
            wrong.push(format!("policies that nobody needs any more are left: {error}"));
        }
        for (peer, definition) in plan.add.iter().chain(&plan.change).chain(&plan.touch) {
            let command = Command::Configure(*peer, definition.policy.clone());
            self.endpoint.handle_command(self.clock.now(), command);
            self.drain();
        }
        for name in names_before {
            tracing::info!("{}: removed from the configuration", names::printable(&name));
        }
        wrong
    }
}

fn read(path: &Path) -> Reading {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || config::load(&path))
}

/// Settings of the node that only a start can change.
fn needs_restart(old: &Node, new: &Node) -> Option<String> {
    let same = [
        ("listen", old.listen == new.listen),
        ("ike-port", old.ike_port == new.ike_port),
        ("nat-port", old.nat_port == new.nat_port),
        ("control", old.control == new.control),
        ("dataplane", old.data_plane == new.data_plane),
        ("log", old.log == new.log),
        ("log-format", old.log_format == new.log_format),
        ("the proposals of [defaults] for unknown addresses", old.proposals == new.proposals),
    ];
    let changed: Vec<&str> = same.iter().filter(|(_, same)| !same).map(|(name, _)| *name).collect();
    (!changed.is_empty())
        .then(|| format!("changed, but in force only after a restart: {}", changed.join(", ")))
}
