//! `ikectl`: asks the daemon, and shows the answer to people or programs.
//!
//! | file | what |
//! |---|---|
//! | `arguments` | the command line |
//! | `commands` | one function for each subcommand |
//! | `table` | aligned columns |
//! | `show` | the status for people |

mod arguments;
mod commands;
mod show;
mod table;

pub use arguments::{Arguments, Command};
pub use commands::{Exit, run};
