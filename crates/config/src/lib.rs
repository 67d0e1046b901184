//! The configuration file, parsed into types that cannot hold nonsense.
