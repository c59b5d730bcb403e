//! One change to the SAD or SPD, and the words for it when it fails.

use std::fmt;

use crate::{Cause, Error, Family, Policy, PolicyId, Sa, SaId};

/// One change, for [`Kernel::apply`](crate::Kernel::apply).
#[derive(Debug)]
pub enum Operation {
    /// Adds an SA; fails with `EEXIST` when one has its destination, SPI and mark.
    AddSa(Sa),
    /// Changes an SA's limits, encapsulation ports and selector. The kernel keeps the old keys, algorithms and
    /// counters, and refuses with `ESRCH` when there is no such SA.
    UpdateSa(Sa),
    /// Deletes an SA; fails with `ESRCH` when there is none.
    DeleteSa(SaId),
    /// Adds a policy; fails with `EEXIST` when one has its name.
    AddPolicy(Policy),
    /// Replaces the policy of this name, or adds it.
    UpdatePolicy(Policy),
    /// Deletes a policy; fails with `ENOENT` when there is none.
    DeletePolicy(PolicyId),
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddSa(sa) => write!(f, "add SA {}", sa.parameters.id),
            Self::UpdateSa(sa) => write!(f, "update SA {}", sa.parameters.id),
            Self::DeleteSa(id) => write!(f, "delete SA {id}"),
            Self::AddPolicy(policy) => write!(f, "add policy {}", policy.id),
            Self::UpdatePolicy(policy) => write!(f, "update policy {}", policy.id),
            Self::DeletePolicy(id) => write!(f, "delete policy {id}"),
        }
    }
}

impl Operation {
    /// Why no kernel would do it, if none would.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::AddSa(sa) | Self::UpdateSa(sa) => sa.check(),
            Self::AddPolicy(policy) | Self::UpdatePolicy(policy) => policy.check(),
            Self::DeletePolicy(id) => id.check(),
            Self::DeleteSa(_) => Ok(()),
        }
    }

    /// The error of this operation for a cause.
    pub(crate) fn failed(&self, cause: Cause) -> Error {
        let mut error = Error::new(self.to_string(), cause);
        error.hint = error.errno().and_then(|errno| self.hint(errno));
        error.not_there = error.errno().is_some_and(|errno| self.means_not_there(errno));
        error
    }

    /// Whether this errno says that there is nothing to change (`ENOENT` of an SA speaks of its algorithm).
    fn means_not_there(&self, errno: i32) -> bool {
        match self {
            Self::UpdateSa(_) | Self::DeleteSa(_) => errno == libc::ESRCH,
            Self::DeletePolicy(_) => errno == libc::ENOENT,
            Self::AddSa(_) | Self::AddPolicy(_) | Self::UpdatePolicy(_) => false,
        }
    }

    fn hint(&self, errno: i32) -> Option<String> {
        if errno == libc::EPERM {
            return Some(NEEDS_CAPABILITY.into());
        }
        if self.means_not_there(errno) {
            return Some("there is nothing of this name".into());
        }
        match (self, errno) {
            (Self::AddSa(_), libc::EEXIST) => {
                Some("an SA with this destination, SPI and mark is installed".into())
            }
            (Self::AddPolicy(_), libc::EEXIST) => Some("a policy with this name is installed".into()),
            (Self::AddSa(sa) | Self::UpdateSa(sa), libc::EPROTONOSUPPORT) => {
                Some(needs_esp(sa.parameters.id.family()))
            }
            (Self::AddSa(sa) | Self::UpdateSa(sa), libc::ENOSYS | libc::ENOENT) => {
                let algorithms = sa.protection.algorithms();
                Some(format!("the kernel lacks {algorithms}: load the modules {}", algorithms.modules()))
            }
            _ => None,
        }
    }
}

/// The hint for `EPERM`.
pub(crate) const NEEDS_CAPABILITY: &str = "needs CAP_NET_ADMIN over this network namespace";

/// The hint for a kernel without ESP.
fn needs_esp(family: Family) -> String {
    match family {
        Family::V4 => "the kernel has no ESP for IPv4: load the module esp4 (CONFIG_INET_ESP)".into(),
        Family::V6 => "the kernel has no ESP for IPv6: load the module esp6 (CONFIG_INET6_ESP)".into(),
    }
}
