//! Matrix products of any rank, with constant or run-time right operand.

use super::matrix::{Quant, mx_type};
use super::{Lower, Result_};
use crate::pack::{PackShape, pack};
use ir::{Node, NodeId, Op, ValueId};
use lir::fused::{Drain, Fill, GroupKind, Layout, Matrix, Move, Problem, TensorId, Weights};

/// A matrix product as batches of (M×K)·(K×N), with the batch extents broadcast.
struct Product {
    m: usize,
    k: usize,
    n: usize,
    batch: Vec<usize>,
    /// Elements between batches of a and b; 0 broadcasts.
    a_s: Vec<usize>,
    b_s: Vec<usize>,
}

impl<'a> Lower<'a, '_> {
    pub(super) fn matmul(&mut self, id: NodeId, node: &'a Node) -> Result_<()> {
        let (ai, bi) = if node.op == Op::QLinearMatMul { (0, 3) } else { (0, 1) };
        let (a, b, y) = (self.input(id, ai)?, self.input(id, bi)?, node.outputs[0]);
        let mut p = self.product(id, a, b)?;
        if p.k == 0 {
            return self.zero_product(id, y);
        }
        // One matrix on the right: all batches of the left are rows of one product.
        if p.b_s.iter().all(|s| *s == 0) && self.dims(a).len() >= 2 {
            p.m *= p.batch.iter().product::<usize>();
            (p.batch, p.a_s, p.b_s) = (vec![], vec![], vec![]);
        }
        let mx = mx_type(self.dtype(id, a)?, self.dtype(id, b)?)
            .ok_or_else(|| self.unsupported(id, format!("{} x {}", self.g.ty(a).dtype, self.g.ty(b).dtype)))?;
        let quant = match node.op {
            Op::MatMul => Quant::default(),
            Op::MatMulInteger => {
                Quant { zx: self.scalar_zero_point(id, 2)?, zw: self.zero_points(id, 3, p.n)?, ..Quant::default() }
            }
            _ => self.qlinear(id, [1, 2, 4, 5, 6, 7], p.n, None)?,
        };
        if !mx.is_float() {
            self.check_accumulator(id, mx, &quant, None, p.k)?;
        }
        let (weights, b_tensor, packed) = self.right_operand(id, b, &p)?;
        let a_tensor = self.want(id, a, Layout::RowMajor)?;
        let problems = batches(&p).into_iter().enumerate().map(|(i, (pa, pb))| Problem {
            a: pa,
            w: packed.map_or(pb, |bytes| pb / (p.k * p.n) * bytes),
            d: i * p.m * p.n,
            prm: 0,
        });
        let m = Matrix {
            mx,
            depthwise: false,
            kpack: false,
            problems: problems.collect(),
            ih: 1,
            iw: p.m,
            c: p.k,
            a_sy: p.m * p.k,
            a_sx: p.k,
            oh: 1,
            ow: p.m,
            n: p.n,
            d_sy: p.m * p.n,
            d_sx: p.n,
            kh: 1,
            kw: 1,
            sy: 1,
            sx: 1,
            dy: 1,
            dx: 1,
            iy0: 0,
            ix0: 0,
            weights,
            zx: quant.zx,
            zw: 0,
            zw_per_channel: false,
            params: None,
            bias: false,
            drain: Drain::Float,
            relu: false,
        };
        self.finish_matrix(id, m, &quant, a_tensor, b_tensor, y, Layout::RowMajor, p.n)
    }

    fn scalar_zero_point(&self, id: NodeId, i: usize) -> Result_<i32> {
        self.zero_points(id, i, 1).map(|z| z[0])
    }

    fn product(&self, id: NodeId, a: ValueId, b: ValueId) -> Result_<Product> {
        let (ad, bd) = (self.dims(a), self.dims(b));
        if ad.is_empty() || bd.is_empty() {
            return Err(self.invalid(id, "a matrix product of a scalar"));
        }
        let (m, k) = if ad.len() == 1 { (1, ad[0]) } else { (ad[ad.len() - 2], ad[ad.len() - 1]) };
        let (k2, n) = if bd.len() == 1 { (bd[0], 1) } else { (bd[bd.len() - 2], bd[bd.len() - 1]) };
        if k != k2 {
            return Err(self.invalid(id, format!("inner extents {k} and {k2}")));
        }
        let (ab, bb) = (&ad[..ad.len().saturating_sub(2)], &bd[..bd.len().saturating_sub(2)]);
        let rank = ab.len().max(bb.len());
        let at = |d: &[usize], i: usize| (i + d.len()).checked_sub(rank).map_or(1, |j| d[j]);
        let batch: Vec<usize> = (0..rank).map(|i| at(ab, i).max(at(bb, i))).collect();
        let strides = |d: &[usize], unit: usize| {
            let mut s = vec![0; rank];
            let mut p = unit;
            for i in (0..rank).rev() {
                s[i] = if at(d, i) == 1 { 0 } else { p };
                p *= at(d, i);
            }
            s
        };
        Ok(Product { m, k, n, a_s: strides(ab, m * k), b_s: strides(bb, k * n), batch })
    }

    /// An empty sum is 0.
    fn zero_product(&mut self, id: NodeId, y: ValueId) -> Result_<()> {
        let elems = self.g.ty(y).elements();
        let fill = Fill { n: vec![elems], offset: 0, strides: vec![1], bits: 0 };
        let out = self.out(id, y, Layout::RowMajor)?;
        let name = self.name(id);
        self.push(GroupKind::Move(Move { copies: vec![], fills: vec![fill] }), vec![], out, vec![id], name);
        Ok(())
    }

    /// The right operand, its tensor, and the bytes of one packed matrix if it is a constant.
    fn right_operand(&mut self, id: NodeId, b: ValueId, p: &Product) -> Result_<(Weights, TensorId, Option<usize>)> {
        let Some(t) = self.const_tensor(id, b)? else {
            let tensor = self.want(id, b, Layout::RowMajor)?;
            // A single column has no neighbour: its stride only has to differ from that of k.
            let n_stride = if p.n == 1 { p.k } else { 1 };
            return Ok((Weights::Runtime { k_stride: p.n, n_stride }, tensor, None));
        };
        let shape = PackShape { n: p.n, c: p.k, kh: 1, kw: 1, kpack: false, depthwise: false };
        let esz = t.dtype.size();
        let count = (t.elements() / (p.k * p.n)).max(1);
        let mut bytes = Vec::with_capacity(count * shape.elems() * esz);
        for i in 0..count {
            bytes.extend(pack(&shape, &t.bytes, esz, |n, c, _, _| i * p.k * p.n + c * p.n + n));
        }
        let packed = self.packed(id, b, bytes)?;
        Ok((Weights::Packed { source: b }, packed, Some(shape.elems() * esz)))
    }
}

/// Start of a and of b of every batch, in elements.
fn batches(p: &Product) -> Vec<(usize, usize)> {
    let total: usize = p.batch.iter().product();
    (0..total)
        .map(|i| {
            let (mut rest, mut a, mut b) = (i, 0, 0);
            for d in (0..p.batch.len()).rev() {
                let x = rest % p.batch[d];
                rest /= p.batch[d];
                a += x * p.a_s[d];
                b += x * p.b_s[d];
            }
            (a, b)
        })
        .collect()
}
