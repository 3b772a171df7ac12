//! LSTM, GRU, RNN.

use super::util::*;
use ir::{Attrs, TensorType};

/// Y, Y_h (and Y_c): `gates` weight blocks per direction, `cell` for LSTM.
pub fn recurrent(gates: usize, cell: bool, a: &Attrs, x: In<'_>) -> Res<Vec<TensorType>> {
    let (v, w, r) = (req(x, 0, "X")?, req(x, 1, "W")?, req(x, 2, "R")?);
    want_float(&v, "X")?;
    for (t, name) in [(&v, "X"), (&w, "W"), (&r, "R")] {
        same_dtype(&v, t, name)?;
        want_rank(t, 3, name)?;
    }
    let dirs = match a.str("direction") {
        Some("forward" | "reverse") => 1,
        Some("bidirectional") => 2,
        other => return Err(format!("attribute `direction` is {other:?}")),
    };
    let batch_first = a.flag("layout");
    let (seq, batch) = if batch_first { (v.ty.dims[1], v.ty.dims[0]) } else { (v.ty.dims[0], v.ty.dims[1]) };
    let h = match a.int("hidden_size") {
        Some(h) => dim(h.into(), "hidden_size")?,
        None => r.ty.dims[2],
    };
    let rows = dim(h as i128 * gates as i128, "the number of gate rows")?;
    want_dims(&w, &[dirs, rows, v.ty.dims[2]], "W")?;
    want_dims(&r, &[dirs, rows, h], "R")?;
    let state = if batch_first { [batch, dirs, h] } else { [dirs, batch, h] };
    let mut checks =
        vec![(3, "B", vec![dirs, 2 * rows]), (4, "sequence_lens", vec![batch]), (5, "initial_h", state.to_vec())];
    if cell {
        checks.push((6, "initial_c", state.to_vec()));
        checks.push((7, "P", vec![dirs, 3 * h]));
    }
    for (i, name, dims) in checks {
        if let Some(t) = opt(x, i) {
            want_dims(&t, &dims, name)?;
        }
    }
    let y = if batch_first { [batch, seq, dirs, h] } else { [seq, dirs, batch, h] };
    let mut out = vec![TensorType::new(v.ty.dtype, y), TensorType::new(v.ty.dtype, state)];
    if cell {
        out.push(TensorType::new(v.ty.dtype, state));
    }
    Ok(out)
}
