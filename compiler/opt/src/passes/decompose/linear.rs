//! Einsum by pairwise products, Det by expansion.

use super::{Lowered, done, input, too_large, work_type};
use crate::passes::build::{Build, Res};
use ir::{Attrs, DType, Node, NodeId, Op, ValueId};

/// A value and the label of each of its axes.
struct Term {
    v: ValueId,
    labels: Vec<char>,
}

/// The labels of a term; the axes under an ellipsis are counted from the last by characters that are no letters.
fn labels(term: &str, rank: usize) -> Vec<char> {
    let dots = |n: usize| (0..n).rev().filter_map(|i| char::from_u32(0x2460 + i as u32));
    match term.split_once("...") {
        None => term.chars().collect(),
        Some((before, after)) => {
            let n = rank.saturating_sub(before.chars().count() + after.chars().count());
            before.chars().chain(dots(n)).chain(after.chars()).collect()
        }
    }
}

/// Einsum: operands are joined one after another; labels that nothing later needs are summed as soon as they can be.
pub fn einsum(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let own = b.r.old.ty(n.outputs[0]).dtype;
    if !own.is_float() && !matches!(own, DType::I32 | DType::I64 | DType::U32 | DType::U64) {
        return Ok(None);
    }
    let equation: String = n.attrs.str("equation").unwrap_or("").chars().filter(|c| !c.is_whitespace()).collect();
    let (lhs, rhs) = equation.split_once("->").map_or((equation.as_str(), None), |(l, r)| (l, Some(r)));
    let mut terms = Vec::new();
    for (i, t) in lhs.split(',').enumerate() {
        let v = input(b, id, i)?;
        let Some(term) = single(b, Term { v, labels: labels(t, b.ty(v).rank()) })? else { return Ok(None) };
        terms.push(term);
    }
    let out = result_labels(&terms, lhs, rhs, b.r.old.ty(n.outputs[0]).rank());
    widen(b, &mut terms)?;
    let mut rest = terms.into_iter();
    let Some(mut acc) = rest.next() else { return Ok(None) };
    let rest: Vec<Term> = rest.collect();
    for (i, next) in rest.iter().enumerate() {
        let later = |c: &char| out.contains(c) || rest[i + 1..].iter().any(|t| t.labels.contains(c));
        let sum_acc: Vec<char> = acc.labels.iter().copied().filter(|c| !later(c) && !next.labels.contains(c)).collect();
        let sum_next: Vec<char> =
            next.labels.iter().copied().filter(|c| !later(c) && !acc.labels.contains(c)).collect();
        let (x, y) = (summed(b, &acc, &sum_acc)?, summed(b, next, &sum_next)?);
        acc = product(b, &x, &y, &later)?;
    }
    let gone: Vec<char> = acc.labels.iter().copied().filter(|c| !out.contains(c)).collect();
    let acc = summed(b, &acc, &gone)?;
    let y = arranged(b, &acc, &out)?;
    let dims = b.r.old.ty(n.outputs[0]).dims.clone();
    let y = b.reshape(y, &dims)?;
    done(b, id, y)
}
/// A term without repeated labels: of axes with the same label the diagonal is taken. `None` if their extents differ.
fn single(b: &mut Build<'_, '_>, mut t: Term) -> Res<Option<Term>> {
    while let Some(k) = (0..t.labels.len()).find(|&k| t.labels[..k].contains(&t.labels[k])) {
        let first = t.labels.iter().position(|l| *l == t.labels[k]).expect("the label that was found");
        let dims = b.dims(t.v);
        if dims[first] != dims[k] {
            return Ok(None);
        }
        let n = dims[k];
        let order: Vec<usize> = (0..dims.len()).filter(|&i| i != first && i != k).chain([first, k]).collect();
        let v = b.transpose(t.v, &order)?;
        let mut flat: Vec<usize> = order[..order.len() - 2].iter().map(|&i| dims[i]).collect();
        let axis = flat.len() as i64;
        flat.push(n * n);
        let v = b.reshape(v, &flat)?;
        let at: Vec<i64> = (0..n).map(|i| (i * (n + 1)) as i64).collect();
        let at = b.ints(&at);
        let v = b.op(Op::Gather, Attrs::none().with_int("axis", axis), &[Some(v), Some(at)])?;
        let labels = order[..order.len() - 1].iter().map(|&i| t.labels[i]).collect();
        t = Term { v, labels };
    }
    Ok((t.labels.len() == b.ty(t.v).rank()).then_some(t))
}
/// Labels of the result; without `->` the ellipsis, then the labels that occur once, in order.
fn result_labels(terms: &[Term], lhs: &str, rhs: Option<&str>, rank: usize) -> Vec<char> {
    if let Some(r) = rhs {
        return labels(r, rank);
    }
    let longest = terms.iter().map(|t| t.labels.iter().filter(|c| !c.is_ascii_alphabetic()).count()).max().unwrap_or(0);
    // Counted as written: a diagonal has its label twice.
    let mut once: Vec<char> =
        lhs.chars().filter(|&c| c.is_ascii_alphabetic() && lhs.chars().filter(|&d| d == c).count() == 1).collect();
    once.sort_unstable();
    labels("...", longest).into_iter().chain(once).collect()
}
/// Expands axes of extent 1 to the extent that their label has elsewhere.
fn widen(b: &mut Build<'_, '_>, terms: &mut [Term]) -> Res<()> {
    let extent = |b: &Build<'_, '_>, terms: &[Term], c: char| {
        let of = |t: &Term| t.labels.iter().position(|&l| l == c).map(|k| b.ty(t.v).dims[k]);
        terms.iter().filter_map(of).find(|&d| d != 1).unwrap_or(1)
    };
    for i in 0..terms.len() {
        let dims: Vec<usize> = terms[i].labels.iter().map(|&c| extent(b, terms, c)).collect();
        terms[i].v = b.expand(terms[i].v, &dims)?;
    }
    Ok(())
}
fn summed(b: &mut Build<'_, '_>, t: &Term, gone: &[char]) -> Res<Term> {
    let axes: Vec<usize> = (0..t.labels.len()).filter(|&k| gone.contains(&t.labels[k])).collect();
    let v = b.reduce(Op::ReduceSum, t.v, &axes, false)?;
    Ok(Term { v, labels: t.labels.iter().copied().filter(|c| !gone.contains(c)).collect() })
}
/// The value with its axes in this order.
fn arranged(b: &mut Build<'_, '_>, t: &Term, order: &[char]) -> Res<ValueId> {
    let perm: Option<Vec<usize>> = order.iter().map(|c| t.labels.iter().position(|l| l == c)).collect();
    match perm {
        Some(p) if p.len() == t.labels.len() => b.transpose(t.v, &p),
        _ => Ok(t.v),
    }
}
/// The product of two terms, summed over the labels that both have and nothing later needs.
fn product(b: &mut Build<'_, '_>, x: &Term, y: &Term, later: &dyn Fn(&char) -> bool) -> Res<Term> {
    let (both, left): (Vec<char>, Vec<char>) = x.labels.iter().partition(|c| y.labels.contains(c));
    let right: Vec<char> = y.labels.iter().copied().filter(|c| !x.labels.contains(c)).collect();
    let (batch, inner): (Vec<char>, Vec<char>) = both.iter().partition(|c| later(c));
    let extents = |b: &Build<'_, '_>, t: &Term, l: &[char]| -> Vec<usize> {
        l.iter().filter_map(|c| t.labels.iter().position(|d| d == c)).map(|k| b.ty(t.v).dims[k]).collect()
    };
    let (db, dl, di, dr) = (extents(b, x, &batch), extents(b, x, &left), extents(b, x, &inner), extents(b, y, &right));
    let size = |d: &[usize]| d.iter().product::<usize>();
    let xs = arranged(b, x, &[batch.clone(), left.clone(), inner.clone()].concat())?;
    let ys = arranged(b, y, &[batch.clone(), inner, right.clone()].concat())?;
    let (m, k, r) = (size(&dl), size(&di), size(&dr));
    let flat = |tail: &[usize]| [&[size(&db)], tail].concat();
    let v = if b.ty(x.v).dtype.is_float() && !di.is_empty() {
        let (xs, ys) = (b.reshape(xs, &flat(&[m, k]))?, b.reshape(ys, &flat(&[k, r]))?);
        b.bin(Op::MatMul, xs, ys)?
    } else {
        let (xs, ys) = (b.reshape(xs, &flat(&[m, k, 1]))?, b.reshape(ys, &flat(&[1, k, r]))?);
        let p = b.bin(Op::Mul, xs, ys)?;
        b.reduce(Op::ReduceSum, p, &[2], false)?
    };
    let v = b.reshape(v, &[db, dl, dr].concat())?;
    Ok(Term { v, labels: [batch, left, right].concat() })
}

/// Matrices up to this size are expanded.
const MAX_DET: usize = 4;

/// Det by expansion along the first row.
pub fn det(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let x = input(b, id, 0)?;
    let d = b.dims(x);
    let size = d[d.len() - 1];
    let batch: usize = d[..d.len() - 2].iter().product();
    if size > MAX_DET || size == 0 || work_type(b.ty(x).dtype) != b.ty(x).dtype {
        return Err(too_large(b, n, format!("a determinant of {size} rows, 1 to {MAX_DET} are expanded")));
    }
    let flat = b.reshape(x, &[batch, size * size])?;
    let mut e = Vec::new();
    for i in 0..size * size {
        e.push(b.slice_axis(flat, 1, i, i + 1)?);
    }
    let columns: Vec<usize> = (0..size).collect();
    let y = minor(b, &e, size, 0, &columns)?;
    let out = b.r.old.ty(n.outputs[0]).dims.clone();
    let y = b.reshape(y, &out)?;
    done(b, id, y)
}
/// The determinant of the rows from `row` on and the given columns.
fn minor(b: &mut Build<'_, '_>, e: &[ValueId], size: usize, row: usize, columns: &[usize]) -> Res<ValueId> {
    let mut sum: Option<ValueId> = None;
    for (k, &c) in columns.iter().enumerate() {
        let mut v = e[row * size + c];
        if row + 1 < size {
            let rest: Vec<usize> = columns.iter().copied().filter(|&d| d != c).collect();
            let m = minor(b, e, size, row + 1, &rest)?;
            v = b.bin(Op::Mul, v, m)?;
        }
        sum = Some(match sum {
            None => v,
            Some(s) => b.bin(if k % 2 == 1 { Op::Sub } else { Op::Add }, s, v)?,
        });
    }
    Ok(sum.expect("a matrix of one row or more"))
}
