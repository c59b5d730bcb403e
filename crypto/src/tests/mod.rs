//! Checks against vectors that no one here wrote.
