//! lir
