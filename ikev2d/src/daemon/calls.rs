//! What `ikectl` asks for.

use ike_proto::output::Command;
use ike_proto::policy::PeerId;

use super::{Daemon, names};
use crate::control::{Action, Answer, Call, Code, Failure, Request};

impl Daemon {
    /// Answers a call now, or keeps it until the configuration has been read.
    pub(super) fn call(&mut self, call: Call) {
        let answer = match call.request {
            Request::Status { peer: None } => Ok(Answer::Status(Box::new(self.status(None)))),
            Request::Status { peer: Some(name) } => {
                self.peer_named(&name).map(|peer| Answer::Status(Box::new(self.status(Some(peer)))))
            }
            Request::Up { peer } => self.command(&peer, Command::Connect),
            Request::Down { peer } => self.command(&peer, Command::Disconnect),
            Request::Reload {} => return self.start_reload(Some(call.reply)),
            Request::Monitor {} => {
                Err(Failure { code: Code::BadRequest, message: "not a request to the daemon".to_owned() })
            }
        };
        // A client that has gone needs no answer.
        let _ = call.reply.send(answer);
    }

    fn command(&mut self, name: &str, command: fn(PeerId) -> Command) -> Result<Answer, Failure> {
        let peer = self.peer_named(name)?;
        self.endpoint.handle_command(self.clock.now(), command(peer));
        self.drain();
        let state = self.endpoint.peer_status(peer).map_or("idle", |status| names::state(status.state));
        Ok(Answer::Begun(Action { peer: name.to_owned(), state: state.to_owned() }))
    }

    fn peer_named(&self, name: &str) -> Result<PeerId, Failure> {
        let found = self.roster.by_name(name).map(|(id, _)| id);
        found.ok_or_else(|| Failure {
            code: Code::UnknownPeer,
            message: format!("no peer is named \"{}\"", names::printable(name)),
        })
    }
}
