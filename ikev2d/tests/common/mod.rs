//! A network namespace of its own for a test that changes the network.

use std::process::Command;

/// Moves this thread into a new, empty network namespace; says why and returns `false` if it may not.
pub fn enter_new_namespace() -> bool {
    match nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET) {
        Ok(()) => true,
        Err(error) => {
            println!("skipped: a network namespace needs root ({error})");
            false
        }
    }
}

/// Runs `ip` in this thread's namespace.
pub fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status();
    assert!(status.is_ok_and(|status| status.success()), "ip {arguments}");
}
