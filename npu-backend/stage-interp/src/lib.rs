//! stage-interp
