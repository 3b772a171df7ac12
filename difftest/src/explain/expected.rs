//! Which hypothesis is the right one for a fault of the catalogue. Only the tests and `faults run` read this; the explainer does not.

/// Fault and the names that count as right, best first. Faults that stop in a verifier or trap before there is a result have a symptom
/// instead (see [`super::symptom`]) and are not listed.
pub const EXPECTED: &[(&str, &[&str])] = &[
    ("compose-perm-reversed", &["permutation-wrong"]),
    ("concat-axis-fixed", &["axis-wrong"]),
    ("gemm-perm-unchecked", &["gemm-transposed"]),
    ("pad-value-not-checked", &["pad-value-ignored"]),
    ("scale-through-relu", &["factor-through-relu"]),
    ("sub-self-is-zero", &["self-difference-zero"]),
    ("int-div-floors", &["integer-division-floors"]),
    ("slice-backwards-shifted", &["slice-shifted"]),
    ("gather-negative-clamped", &["negative-index-clamped"]),
    ("batchnorm-into-shared-conv", &["batchnorm-shared"]),
    ("relu-before-quantize-dropped", &["activation-missing"]),
    ("max-loses-nan", &["max-takes-second"]),
    ("softmax-coerced-to-matrix", &["softmax-flattens"]),
    ("round-ties-up", &["round-half-up"]),
    ("lossy-cast-pair-dropped", &["cast-missing"]),
    ("requant-scale-of-next-channel", &["wrong-channel-scale", "wrong-channel-record"]),
    ("requant-zero-point-unsigned", &["zero-point-unsigned"]),
    ("bias-of-first-group", &["wrong-channel-bias"]),
    ("batch-stride-not-advanced", &["previous-problem"]),
    ("relu-lost-with-channel-tail", &["activation-missing"]),
    ("dilation-of-height", &["dilation-of-other-axis"]),
    ("average-counts-padding", &["average-pool-count"]),
    ("mean-divides-by-padded-length", &["mean-counts-padded-length"]),
    ("halo-of-last-rows-off-by-one", &["window-shifted"]),
    ("k-tail-dropped", &["k-tail-dropped", "drop-last-term"]),
    ("accumulate-flag-lost", &["k-head-lost"]),
    ("reduction-restarts", &["reduction-restarts"]),
    ("records-of-second-channel-group", &["wrong-channel-scale", "wrong-channel-record"]),
    ("stale-weights", &["stale-tile"]),
    ("activation-lost-on-second-piece", &["activation-missing"]),
    ("sign-of-column-dropped", &["field-truncated"]),
    ("constants-cut-to-words", &["constants-cut"]),
];

/// The names that are right for a fault, if it has a hypothesis.
pub fn of(fault: &str) -> Option<&'static [&'static str]> {
    EXPECTED.iter().find(|e| e.0 == fault).map(|e| e.1)
}
