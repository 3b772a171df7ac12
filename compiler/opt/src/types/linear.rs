//! Matrix products.

use super::util::*;
use ir::{Attrs, DType, TensorType};

type Out = Res<Vec<TensorType>>;

/// Shape of a NumPy-style matrix product.
fn matmul_dims(a: &[usize], b: &[usize]) -> Res<Vec<usize>> {
    if a.is_empty() || b.is_empty() {
        return Err("a scalar is no operand of a matrix product".into());
    }
    let (va, vb) = (a.len() == 1, b.len() == 1);
    let (a2, b2) = (if va { vec![1, a[0]] } else { a.to_vec() }, if vb { vec![b[0], 1] } else { b.to_vec() });
    let (ra, rb) = (a2.len(), b2.len());
    if a2[ra - 1] != b2[rb - 2] {
        return Err(format!("shapes {a:?} and {b:?}: {} columns against {} rows", a2[ra - 1], b2[rb - 2]));
    }
    let mut out = broadcast(&a2[..ra - 2], &b2[..rb - 2])?;
    if !va {
        out.push(a2[ra - 2]);
    }
    if !vb {
        out.push(b2[rb - 1]);
    }
    Ok(out)
}
pub fn matmul(x: In<'_>) -> Out {
    let (a, b) = (req(x, 0, "A")?, req(x, 1, "B")?);
    let d = a.ty.dtype;
    want(
        d.is_float() || matches!(d, DType::I32 | DType::I64 | DType::U32 | DType::U64),
        &a,
        "A",
        "float or 32/64-bit",
    )?;
    same_dtype(&a, &b, "B")?;
    Ok(vec![TensorType::new(d, matmul_dims(&a.ty.dims, &b.ty.dims)?)])
}
pub fn gemm(at: &Attrs, x: In<'_>) -> Out {
    let (a, b) = (req(x, 0, "A")?, req(x, 1, "B")?);
    let d = a.ty.dtype;
    want(
        d.is_float() || matches!(d, DType::I32 | DType::I64 | DType::U32 | DType::U64),
        &a,
        "A",
        "float or 32/64-bit",
    )?;
    same_dtype(&a, &b, "B")?;
    want_rank(&a, 2, "A")?;
    want_rank(&b, 2, "B")?;
    let turned = |t: &TensorType, f: bool| if f { (t.dims[1], t.dims[0]) } else { (t.dims[0], t.dims[1]) };
    let ((m, k), (k2, n)) = (turned(a.ty, at.flag("transA")), turned(b.ty, at.flag("transB")));
    if k != k2 {
        return Err(format!("the inner dimensions differ: {k} and {k2}"));
    }
    if let Some(c) = opt(x, 2) {
        same_dtype(&a, &c, "C")?;
        broadcasts_to(&c.ty.dims, &[m, n], "C")?;
    }
    Ok(vec![TensorType::new(d, [m, n])])
}
/// Errors unless the input is uint8 or int8.
pub fn want_8bit(a: &super::Arg<'_>, name: &str) -> Res<()> {
    want(matches!(a.ty.dtype, DType::U8 | DType::I8), a, name, "uint8 or int8")
}
/// A zero point (or scale): a scalar, or one entry for each of `n` rows or columns.
fn per_tensor_or(a: &super::Arg<'_>, n: usize, name: &str) -> Res<()> {
    let ok = a.ty.rank() == 0 || (a.ty.rank() == 1 && (a.ty.dims[0] == 1 || a.ty.dims[0] == n));
    if ok { Ok(()) } else { Err(format!("input {name} has shape {:?}, a scalar or [{n}] expected", a.ty.dims)) }
}
/// As [`per_tensor_or`], or of the matrix' own rank with one entry for each row (`row`) or column of each matrix.
fn matrix_param(a: &super::Arg<'_>, of: &super::Arg<'_>, row: bool, name: &str) -> Res<()> {
    let r = of.ty.rank();
    let n = match (r, row) {
        (0 | 1, _) => 1,
        (_, true) => of.ty.dims[r - 2],
        (_, false) => of.ty.dims[r - 1],
    };
    if r >= 2 && a.ty.rank() == r {
        let mut want = of.ty.dims.clone();
        want[if row { r - 1 } else { r - 2 }] = 1;
        return want_dims(a, &want, name);
    }
    per_tensor_or(a, n, name)
}
pub fn matmul_integer(x: In<'_>) -> Out {
    let (a, b) = (req(x, 0, "A")?, req(x, 1, "B")?);
    want_8bit(&a, "A")?;
    want_8bit(&b, "B")?;
    if let Some(z) = opt(x, 2) {
        same_dtype(&a, &z, "a_zero_point")?;
        matrix_param(&z, &a, true, "a_zero_point")?;
    }
    if let Some(z) = opt(x, 3) {
        same_dtype(&b, &z, "b_zero_point")?;
        matrix_param(&z, &b, false, "b_zero_point")?;
    }
    Ok(vec![TensorType::new(DType::I32, matmul_dims(&a.ty.dims, &b.ty.dims)?)])
}
pub fn qlinear_matmul(x: In<'_>) -> Out {
    let (a, az) = (req(x, 0, "a")?, req(x, 2, "a_zero_point")?);
    let (b, bz) = (req(x, 3, "b")?, req(x, 5, "b_zero_point")?);
    let (ys, yz) = (req(x, 6, "y_scale")?, req(x, 7, "y_zero_point")?);
    want_8bit(&a, "a")?;
    want_8bit(&b, "b")?;
    want_8bit(&yz, "y_zero_point")?;
    same_dtype(&a, &az, "a_zero_point")?;
    same_dtype(&b, &bz, "b_zero_point")?;
    for (i, name) in [(1, "a_scale"), (4, "b_scale"), (6, "y_scale")] {
        want_float(&req(x, i, name)?, name)?;
    }
    for (s, z) in [(1, 2), (4, 5), (6, 7)] {
        want_dims(&req(x, z, "zero_point")?, &req(x, s, "scale")?.ty.dims, "zero_point (its scale has that shape)")?;
    }
    matrix_param(&az, &a, true, "a_zero_point")?;
    matrix_param(&bz, &b, false, "b_zero_point")?;
    let dims = matmul_dims(&a.ty.dims, &b.ty.dims)?;
    if ys.ty.elements() != 1 {
        let out = TensorType::new(DType::I8, dims.clone());
        matrix_param(&ys, &super::Arg { ty: &out, value: None }, true, "y_scale")?;
    }
    Ok(vec![TensorType::new(yz.ty.dtype, dims)])
}

/// An Einsum equation taken apart: labels of each operand and of the result (`None` stands for a broadcast dimension of `...`).
fn einsum_terms(eq: &str, n: usize) -> Res<(Vec<String>, Option<String>)> {
    let eq: String = eq.chars().filter(|c| !c.is_whitespace()).collect();
    let (lhs, rhs) = match eq.split_once("->") {
        Some((l, r)) => (l.to_string(), Some(r.to_string())),
        None => (eq, None),
    };
    let terms: Vec<String> = lhs.split(',').map(str::to_string).collect();
    if terms.len() != n {
        return Err(format!("the equation has {} operands, the node {n}", terms.len()));
    }
    for t in terms.iter().chain(&rhs) {
        let bare = t.replacen("...", "", 1);
        if let Some(c) = bare.chars().find(|c| !c.is_ascii_alphabetic()) {
            return Err(format!("the equation holds `{c}`"));
        }
    }
    Ok((terms, rhs))
}
pub fn einsum(a: &Attrs, x: In<'_>) -> Out {
    let (terms, rhs) = einsum_terms(a.str("equation").unwrap_or(""), x.len())?;
    let mut sizes: std::collections::BTreeMap<char, (usize, usize)> = std::collections::BTreeMap::new();
    let mut dots: Vec<usize> = Vec::new();
    let first = req(x, 0, "Inputs")?;
    want_numeric(&first, "Inputs")?;
    for (i, t) in terms.iter().enumerate() {
        let v = req(x, i, "Inputs")?;
        same_dtype(&first, &v, "Inputs")?;
        let (before, after) = t.split_once("...").unwrap_or((t, ""));
        let (nb, na) = (before.len(), after.len());
        if nb + na > v.ty.rank() || (!t.contains("...") && nb != v.ty.rank()) {
            return Err(format!("operand {i} of rank {} does not fit `{t}`", v.ty.rank()));
        }
        let mid = v.ty.rank() - na;
        dots = broadcast(&dots, &v.ty.dims[nb..mid])?;
        let labelled = before.chars().zip(&v.ty.dims[..nb]).chain(after.chars().zip(&v.ty.dims[mid..]));
        for (c, &d) in labelled {
            let e = sizes.entry(c).or_insert((d, 0));
            if e.0 != d && e.0 != 1 && d != 1 {
                return Err(format!("label `{c}` has extents {} and {d}", e.0));
            }
            e.0 = if e.0 == 1 { d } else { e.0 };
            e.1 += 1;
        }
    }
    let rhs = rhs.unwrap_or_else(|| {
        let has_dots = terms.iter().any(|t| t.contains("..."));
        let once: String = sizes.iter().filter(|(_, s)| s.1 == 1).map(|(c, _)| *c).collect();
        format!("{}{once}", if has_dots { "..." } else { "" })
    });
    let mut out = Vec::new();
    let (before, after) = rhs.split_once("...").map_or((rhs.as_str(), None), |(b, r)| (b, Some(r)));
    let label =
        |c: char| sizes.get(&c).map(|s| s.0).ok_or_else(|| format!("label `{c}` of the result is in no operand"));
    for c in before.chars() {
        out.push(label(c)?);
    }
    if let Some(after) = after {
        out.extend(&dots);
        for c in after.chars() {
            out.push(label(c)?);
        }
    }
    Ok(vec![TensorType::new(first.ty.dtype, out)])
}
pub fn det(x: In<'_>) -> Out {
    let a = req(x, 0, "X")?;
    want_float(&a, "X")?;
    min_rank(&a, 2, "X")?;
    let r = a.ty.rank();
    if a.ty.dims[r - 1] != a.ty.dims[r - 2] {
        return Err(format!("{} is not square in its last two dimensions", a.ty));
    }
    Ok(vec![TensorType::new(a.ty.dtype, &a.ty.dims[..r - 2])])
}
