//! The same elements in another order or shape. Each operator is a view of the tensor of source indices (see [`crate::index`]);
//! values, radii, regions and flags move along unchanged.

use crate::cx::Args;
use crate::error::{OpError, OpResult, invalid};
use crate::index::{Odometer, axes, axis, broadcast, count, listed, positions, shaped, strides};
use crate::value::Bounded;
use ir::Op;
use ndarray::{ArrayD, Axis, IxDyn, Slice};

fn dim(d: i64) -> OpResult<usize> {
    usize::try_from(d).or_else(|_| invalid(format!("extent {d} is negative")))
}

/// Reshape (0 copies an extent unless `allowzero`, −1 is inferred), Flatten, Squeeze, Unsqueeze.
pub fn reshape(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let dims = match a.node.op {
        Op::Reshape => reshape_dims(x, &a.ints(1)?, a.flag("allowzero")?)?,
        Op::Flatten => {
            let k = a.int("axis")?;
            let k = if k == x.rank() as i64 { x.rank() } else { axis(k, x.rank().max(1))? };
            vec![count(&x.dims[..k]), count(&x.dims[k..])]
        }
        Op::Squeeze => {
            let drop = match a.opt_ints(1)? {
                Some(l) => axes(&l, x.rank())?,
                None => (0..x.rank()).filter(|&k| x.dims[k] == 1).collect(),
            };
            if let Some(k) = drop.iter().find(|&&k| x.dims[k] != 1) {
                return invalid(format!("axis {k} of extent {} cannot be squeezed", x.dims[*k]));
            }
            (0..x.rank()).filter(|k| !drop.contains(k)).map(|k| x.dims[k]).collect()
        }
        _ => {
            let l = a.ints(1)?;
            let rank = x.rank() + l.len();
            let new = axes(&l, rank)?;
            let mut old = x.dims.iter();
            (0..rank).map(|k| if new.contains(&k) { 1 } else { old.next().copied().unwrap_or(1) }).collect()
        }
    };
    x.reshaped(dims)
}

fn reshape_dims(x: &Bounded, want: &[i64], allow_zero: bool) -> OpResult<Vec<usize>> {
    let mut out = Vec::with_capacity(want.len());
    let mut infer = None;
    for (k, &d) in want.iter().enumerate() {
        out.push(match d {
            -1 if infer.is_some() => return invalid("two extents are to be inferred"),
            -1 => {
                infer = Some(k);
                1
            }
            0 if !allow_zero => match x.dims.get(k) {
                Some(&d) => d,
                None => return invalid(format!("extent {k} is to be copied, the data have rank {}", x.rank())),
            },
            d => dim(d)?,
        });
    }
    if let Some(k) = infer {
        let rest = out.iter().try_fold(1usize, |p, &d| p.checked_mul(d));
        match rest {
            Some(r) if r > 0 && x.elements().is_multiple_of(r) => out[k] = x.elements() / r,
            _ => return invalid(format!("shape {want:?} does not fit {} elements", x.elements())),
        }
    }
    Ok(out)
}

/// Transpose; without `perm` the axes are reversed.
pub fn transpose(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let perm = match a.int_list("perm") {
        Some(p) => axes(p, x.rank())?,
        None => (0..x.rank()).rev().collect(),
    };
    if perm.len() != x.rank() {
        return invalid(format!("perm {perm:?} does not fit rank {}", x.rank()));
    }
    Ok(x.moved(&positions(&x.dims)?.permuted_axes(IxDyn(&perm)).view()))
}

/// Concat along an axis.
pub fn concat(a: &Args<'_>) -> OpResult<Bounded> {
    let all = a.all();
    join(a, &all, a.int("axis")?)
}

fn join(a: &Args<'_>, all: &[&Bounded], ax: i64) -> OpResult<Bounded> {
    let pool = Bounded::pool(all)?;
    let first = all[0];
    let ax = axis(ax, first.rank())?;
    let mut dims = first.dims.clone();
    dims[ax] = 0;
    for x in all {
        let fits = x.rank() == first.rank() && (0..x.rank()).all(|k| k == ax || x.dims[k] == first.dims[k]);
        if !fits {
            return invalid(format!("shapes {:?} and {:?} do not join along axis {ax}", first.dims, x.dims));
        }
        dims[ax] += x.dims[ax];
    }
    a.cx.alloc(&dims)?;
    let (mut parts, mut base) = (Vec::with_capacity(all.len()), 0);
    for x in all {
        parts.push(shaped((base..base + x.elements()).collect(), &x.dims)?);
        base += x.elements();
    }
    let views: Vec<_> = parts.iter().map(|p| p.view()).collect();
    let joined = ndarray::concatenate(Axis(ax), &views).map_err(|e| OpError::Invalid(e.to_string()))?;
    Ok(pool.moved(&joined.view()))
}

/// Split: extents from operand 1, or `num_outputs` equal parts of which the last may be smaller.
pub fn split(a: &Args<'_>) -> OpResult<Vec<Bounded>> {
    let x = a.x(0)?;
    let ax = axis(a.int("axis")?, x.rank())?;
    let total = x.dims[ax];
    let parts: Vec<usize> = match a.opt_ints(1)? {
        Some(l) => l.iter().map(|&d| dim(d)).collect::<OpResult<_>>()?,
        None => {
            let n = match a.node.attrs.int("num_outputs") {
                Some(n) => dim(n)?,
                None => a.node.outputs.len(),
            };
            if n == 0 || n > a.cx.limit {
                return invalid(format!("a split into {n} parts"));
            }
            let each = total.div_ceil(n);
            (0..n).map(|i| each.min(total.saturating_sub(i * each))).collect()
        }
    };
    if parts.iter().try_fold(0usize, |s, &p| s.checked_add(p)) != Some(total) {
        return invalid(format!("parts {parts:?} do not add up to {total}"));
    }
    let all = positions(&x.dims)?;
    let mut at = 0;
    let mut part = |len: usize| {
        let view = all.slice_axis(Axis(ax), Slice::from(at..at + len));
        at += len;
        x.moved(&view)
    };
    Ok(parts.into_iter().map(&mut part).collect())
}

/// Slice: starts, ends, axes, steps as operands; bounds are clamped as ONNX 13 says.
pub fn slice(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let (starts, ends) = (a.ints(1)?, a.ints(2)?);
    let ax = match a.opt_ints(3)? {
        Some(l) => axes(&l, x.rank())?,
        None => (0..starts.len().min(x.rank())).collect(),
    };
    let steps = a.opt_ints(4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if starts.len() != ends.len() || ax.len() != starts.len() || steps.len() != starts.len() {
        return invalid("starts, ends, axes and steps differ in length");
    }
    let mut at = positions(&x.dims)?;
    for (i, &k) in ax.iter().enumerate() {
        let n = x.dims[k] as i64;
        if steps[i] == 0 {
            return invalid("a step of 0");
        }
        // Beyond the extent a step takes one element, whatever its size.
        let step = steps[i].clamp(-n.max(1), n.max(1));
        let wrap = |p: i64| if p < 0 { p.saturating_add(n) } else { p };
        let (s, e) = if step > 0 {
            (wrap(starts[i]).clamp(0, n), wrap(ends[i]).clamp(0, n))
        } else {
            (wrap(starts[i]).clamp(0.min(n - 1), n - 1), wrap(ends[i]).clamp(-1, n - 1))
        };
        // Backwards, `ndarray` walks from the last element of the range to its first.
        let (first, end) = if step > 0 { (s, e.max(s)) } else { (e.min(s) + 1, s + 1) };
        at.slice_axis_inplace(Axis(k), Slice::new(first as isize, Some(end as isize), step as isize));
    }
    Ok(x.moved(&at.view()))
}

/// Indices with axis `k` replaced by the listed coordinates; `None` stands for element `fill`.
fn along(at: &ArrayD<usize>, k: usize, list: &[Option<usize>], fill: usize) -> ArrayD<usize> {
    let mut dims = at.shape().to_vec();
    dims[k] = list.len();
    let mut out = ArrayD::from_elem(IxDyn(&dims), fill);
    for (mut to, from) in out.axis_iter_mut(Axis(k)).zip(list) {
        if let Some(c) = from {
            to.assign(&at.index_axis(Axis(k), *c));
        }
    }
    out
}

/// Pad: constant (operand 2, default 0), reflect, edge, wrap; negative pads crop. Operand 3 names axes.
pub fn pad(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let pads = a.ints(1)?;
    let ax = match a.opt_ints(3)? {
        Some(l) => axes(&l, x.rank())?,
        None => (0..x.rank()).collect(),
    };
    if pads.len() != 2 * ax.len() {
        return invalid(format!("{} pads for {} axes", pads.len(), ax.len()));
    }
    let (mut begin, mut dims) = (vec![0i64; x.rank()], x.dims.clone());
    for (i, &k) in ax.iter().enumerate() {
        begin[k] = pads[i];
        let d = pads[i].checked_add(pads[i + ax.len()]).and_then(|p| p.checked_add(x.dims[k] as i64));
        dims[k] = match d {
            Some(d) if d >= 0 => d as usize,
            _ => return invalid(format!("pads {pads:?} remove more than there is")),
        };
    }
    let mode = a.str("mode")?;
    let fill = match a.opt(2) {
        Some(f) if f.elements() == 1 => f.clone(),
        Some(_) => return invalid("the pad value has to be a scalar"),
        None => Bounded::zero(x.dtype),
    };
    let pool = Bounded::pool(&[x, &fill])?;
    a.cx.alloc(&dims)?;
    if count(&dims) == 0 {
        return Ok(x.take(&[], dims));
    }
    let mut at = positions(&x.dims)?;
    // Axes that shrink come first, so that nothing on the way is larger than operand or result.
    let (shrink, grow): (Vec<usize>, Vec<usize>) = (0..x.rank()).partition(|&k| dims[k] <= x.dims[k]);
    for k in shrink.into_iter().chain(grow) {
        let from = |c: usize| source(c as i64 - begin[k], x.dims[k] as i64, mode);
        at = along(&at, k, &(0..dims[k]).map(from).collect::<OpResult<Vec<_>>>()?, x.elements());
    }
    Ok(pool.moved(&at.view()))
}

/// Where a padded coordinate comes from; `None` = the constant.
fn source(p: i64, n: i64, mode: &str) -> OpResult<Option<usize>> {
    if (0..n).contains(&p) {
        return Ok(Some(p as usize));
    }
    if n == 0 && mode != "constant" {
        return invalid("an empty axis cannot be padded from its elements");
    }
    Ok(match mode {
        "constant" => None,
        "edge" => Some(p.clamp(0, n - 1) as usize),
        "wrap" => Some(p.rem_euclid(n) as usize),
        "reflect" if n == 1 => Some(0),
        "reflect" => {
            let q = p.rem_euclid(2 * n - 2);
            Some(if q < n { q } else { 2 * n - 2 - q } as usize)
        }
        m => return invalid(format!("unknown pad mode `{m}`")),
    })
}

/// Expand (two-way broadcasting with the shape), Tile.
pub fn expand(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let want = a.ints(1)?.iter().map(|&d| dim(d)).collect::<OpResult<Vec<_>>>()?;
    if a.node.op == Op::Expand {
        let dims = broadcast(&[&x.dims, &want])?;
        a.cx.alloc(&dims)?;
        return match positions(&x.dims)?.broadcast(IxDyn(&dims)) {
            Some(view) => Ok(x.moved(&view)),
            None => invalid(format!("{:?} does not expand to {dims:?}", x.dims)),
        };
    }
    if want.len() != x.rank() {
        return invalid(format!("{} repeats for rank {}", want.len(), x.rank()));
    }
    let dims: Vec<usize> = x.dims.iter().zip(&want).map(|(&d, &r)| d.saturating_mul(r)).collect();
    a.cx.alloc(&dims)?;
    if count(&dims) == 0 {
        return Ok(x.take(&[], dims));
    }
    let mut at = positions(&x.dims)?;
    for k in 0..x.rank() {
        let turns: Vec<Option<usize>> = (0..dims[k]).map(|c| Some(c % x.dims[k])).collect();
        at = along(&at, k, &turns, 0);
    }
    Ok(x.moved(&at.view()))
}

/// DepthToSpace (DCR, CRD) and SpaceToDepth (the inverse in either mode), on NCHW.
pub fn blocks(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let &[n, c, h, w] = &x.dims[..] else { return invalid("rank 4 is needed") };
    let b = dim(a.int("blocksize")?)?;
    if b == 0 || b > 1 << 15 {
        return invalid(format!("a block size of {b}"));
    }
    let d2s = a.node.op == Op::DepthToSpace;
    let divisible = if d2s { c % (b * b) == 0 } else { h % b == 0 && w % b == 0 };
    if !divisible {
        return invalid(format!("shape {:?} is not divisible into blocks of {b}", x.dims));
    }
    // SpaceToDepth has a mode since ONNX 1.23; the table may not list it yet.
    let crd = a.node.attrs.str("mode").is_some_and(|m| m == "CRD");
    // ONNX's own formula: split axes, permute, merge.
    let (split, perm, dims) = if d2s {
        let c = c / (b * b);
        let split = if crd { [n, c, b, b, h, w] } else { [n, b, b, c, h, w] };
        (split, if crd { [0, 1, 4, 2, 5, 3] } else { [0, 3, 4, 1, 5, 2] }, vec![n, c, h * b, w * b])
    } else {
        let perm = if crd { [0, 1, 3, 5, 2, 4] } else { [0, 3, 5, 1, 2, 4] };
        ([n, c, h / b, b, w / b, b], perm, vec![n, c * b * b, h / b, w / b])
    };
    let at = positions(&split)?.permuted_axes(IxDyn(&perm));
    Ok(x.take(&listed(&at.view()), dims))
}

/// Trilu: keeps the upper (or lower) triangle from diagonal `k`, zero elsewhere.
pub fn trilu(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let r = x.rank();
    if r < 2 {
        return invalid("rank 2 or more is needed");
    }
    let k = if a.opt(1).is_some() { a.scalar_int(1)? } else { 0 };
    let upper = a.flag("upper")?;
    let pool = Bounded::pool(&[x, &Bounded::zero(x.dtype)])?;
    let zero = x.elements();
    let mut at = positions(&x.dims)?;
    for (c, p) in at.indexed_iter_mut() {
        let d = (c[r - 1] as i64 - c[r - 2] as i64).cmp(&k);
        if !(if upper { d.is_ge() } else { d.is_le() }) {
            *p = zero;
        }
    }
    Ok(pool.moved(&at.view()))
}

/// ReverseSequence: the first `len[b]` elements along the time axis are reversed.
pub fn reverse_sequence(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let (bx, tx) = (axis(a.int("batch_axis")?, x.rank())?, axis(a.int("time_axis")?, x.rank())?);
    let len = a.ints(1)?;
    if bx == tx || len.len() != x.dims[bx] {
        return invalid("sequence lengths do not fit the batch");
    }
    let mut at = positions(&x.dims)?;
    for (mut batch, &l) in at.axis_iter_mut(Axis(bx)).zip(&len) {
        if l < 0 || l as usize > x.dims[tx] {
            return invalid(format!("sequence length {l} is outside of the time axis"));
        }
        // The view of one batch has lost its axis.
        let time = Axis(if tx > bx { tx - 1 } else { tx });
        let mut head = batch.slice_axis_mut(time, Slice::from(..l as usize));
        let mut reversed = head.to_owned();
        reversed.invert_axis(time);
        head.assign(&reversed);
    }
    Ok(x.moved(&at.view()))
}

/// CenterCropPad: crops or pads with zeros around the centre; the odd element goes to the end.
pub fn center_crop_pad(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let want = a.ints(1)?.iter().map(|&d| dim(d)).collect::<OpResult<Vec<_>>>()?;
    let ax = match a.int_list("axes") {
        Some(l) => axes(l, x.rank())?,
        None => (0..x.rank()).collect(),
    };
    if ax.len() != want.len() {
        return invalid("shape and axes differ in length");
    }
    let (mut dims, mut shift) = (x.dims.clone(), vec![0i64; x.rank()]);
    for (&k, &w) in ax.iter().zip(&want) {
        let have = x.dims[k];
        dims[k] = w;
        shift[k] = if w >= have { -(((w - have) / 2) as i64) } else { ((have - w) / 2) as i64 };
    }
    let pool = Bounded::pool(&[x, &Bounded::zero(x.dtype)])?;
    a.cx.alloc(&dims)?;
    if count(&dims) == 0 {
        return Ok(x.take(&[], dims));
    }
    let mut at = positions(&x.dims)?;
    let (shrink, grow): (Vec<usize>, Vec<usize>) = (0..x.rank()).partition(|&k| dims[k] <= x.dims[k]);
    for k in shrink.into_iter().chain(grow) {
        let from = |c: usize| usize::try_from(c as i64 + shift[k]).ok().filter(|&p| p < x.dims[k]);
        at = along(&at, k, &(0..dims[k]).map(from).collect::<Vec<_>>(), x.elements());
    }
    Ok(pool.moved(&at.view()))
}

/// Col2Im: sums overlapping blocks (a linear map); each result has at most as many terms as the block has elements.
pub fn col2im(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let image = a.ints(1)?.iter().map(|&d| dim(d)).collect::<OpResult<Vec<_>>>()?;
    let block = a.ints(2)?.iter().map(|&d| dim(d)).collect::<OpResult<Vec<_>>>()?;
    let r = image.len();
    let list = |name: &str, d: i64, n: usize| a.int_list(name).map_or_else(|| vec![d; n], <[i64]>::to_vec);
    let (dil, strd, pads) = (list("dilations", 1, r), list("strides", 1, r), list("pads", 0, 2 * r));
    let sane = |v: &[i64]| v.iter().all(|p| p.abs() < 1 << 31);
    let small = |v: &[usize]| count(v) <= a.cx.limit;
    let ok = sane(&dil)
        && sane(&strd)
        && sane(&pads)
        && small(&image)
        && small(&block)
        && block.len() == r
        && dil.len() == r
        && strd.len() == r
        && pads.len() == 2 * r
        && x.rank() == 3;
    if !ok || strd.iter().chain(&dil).any(|&s| s < 1) || block.contains(&0) {
        return invalid("attributes of Col2Im do not fit the image's rank");
    }
    let kernel = count(&block);
    let steps: Vec<usize> = (0..r)
        .map(|k| {
            let span = image[k] as i64 + pads[k] + pads[k + r] - dil[k] * (block[k] as i64 - 1) - 1;
            if span < 0 { 0 } else { (span / strd[k]) as usize + 1 }
        })
        .collect();
    let blocks = count(&steps);
    if x.dims[1] % kernel != 0 || x.dims[2] != blocks {
        return invalid(format!("shape {:?} does not fit {kernel} elements in each of {blocks} blocks", x.dims));
    }
    let (n, c) = (x.dims[0], x.dims[1] / kernel);
    let mut dims = vec![n, c];
    dims.extend(&image);
    let total = a.cx.alloc(&dims)?;
    let st = strides(&image);
    let pixels = count(&image);
    let mut target = vec![None; kernel * blocks];
    let mut ko = Odometer::new(&block);
    let mut at = 0;
    while let Some(kc) = ko.next() {
        let mut so = Odometer::new(&steps);
        while let Some(sc) = so.next() {
            let mut t = Some(0usize);
            for k in 0..r {
                let p = sc[k] as i64 * strd[k] - pads[k] + kc[k] as i64 * dil[k];
                t = t.filter(|_| p >= 0 && (p as usize) < image[k]).map(|s| s + p as usize * st[k]);
            }
            target[at] = t;
            at += 1;
        }
    }
    let gather = |v: &[f64]| {
        let mut out = vec![0.0; total];
        for (i, &p) in v.iter().enumerate() {
            let (plane, k) = (i / (kernel * blocks), i % (kernel * blocks));
            if let Some(t) = target[k] {
                out[plane * pixels + t] += p;
            }
        }
        out
    };
    super::reduce::linear_map(a.cx, x, dims, kernel as f64, &gather)
}
