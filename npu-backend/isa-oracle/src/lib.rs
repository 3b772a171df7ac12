//! isa-oracle
