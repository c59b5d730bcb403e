//! All IKE SAs of one node: finds the SA for a datagram, keeps the timers, emits outputs.
