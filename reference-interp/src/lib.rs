//! reference-interp
