//! The choice of tiles for matrix groups: what fits, at the least DRAM traffic.

use super::spm_bytes;
use isa::{DType, NpuConfig};
use lir::fused::{Matrix, Weights};

/// A contiguous range of the canonical K order that one instruction can sum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Chunk {
    pub ky: usize,
    pub kh: usize,
    pub kx: usize,
    pub kw: usize,
    pub c0: usize,
    pub c: usize,
}

/// How K is cut: whole rows of taps, taps of one row, or groups of 16 channels of one tap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum KSplit {
    Rows(usize),
    Taps(usize),
    Channels(usize),
}

/// The chunks of a split, in canonical order.
pub(super) fn chunks(m: &Matrix, s: KSplit) -> Vec<Chunk> {
    let mut out = Vec::new();
    match s {
        KSplit::Rows(r) => {
            for ky in (0..m.kh).step_by(r) {
                out.push(Chunk { ky, kh: r.min(m.kh - ky), kx: 0, kw: m.kw, c0: 0, c: m.c });
            }
        }
        KSplit::Taps(t) => {
            for ky in 0..m.kh {
                for kx in (0..m.kw).step_by(t) {
                    out.push(Chunk { ky, kh: 1, kx, kw: t.min(m.kw - kx), c0: 0, c: m.c });
                }
            }
        }
        KSplit::Channels(g) => {
            for ky in 0..m.kh {
                for kx in 0..m.kw {
                    for c0 in (0..m.c).step_by(16 * g) {
                        out.push(Chunk { ky, kh: 1, kx, kw: 1, c0, c: (16 * g).min(m.c - c0) });
                    }
                }
            }
        }
    }
    out
}

/// Tile sizes, the cut of K, and which operand stays while the other changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Plan {
    pub oh: usize,
    pub ow: usize,
    /// Groups of 16 output channels.
    pub ng: usize,
    pub k: KSplit,
    /// Walk output channels outermost, so that weights stay; else pixels outermost, so that activations stay.
    pub weights_stay: bool,
    /// Largest sizes over all tiles and chunks, elements.
    pub x_elems: usize,
    pub w_elems: usize,
    pub raw_elems: usize,
}

/// Sizes that do not depend on the tile.
pub(super) struct Sizes {
    pub xt: DType,
    pub wt: DType,
    pub ot: DType,
}

/// Elements of packed weights of a chunk for one group of 16 output channels.
pub(super) fn weight_elems(m: &Matrix, c: &Chunk) -> usize {
    if m.depthwise {
        c.kh * c.kw * 16
    } else if m.kpack {
        c.kh * (c.kw * c.c).div_ceil(16) * 256
    } else {
        c.kh * c.kw * c.c.div_ceil(16) * 256
    }
}

/// `n` cut into balanced parts: n, n/2, n/4, … down to 1.
fn halvings(n: usize) -> Vec<usize> {
    let mut v = vec![n];
    let mut parts = 2;
    while parts < 2 * n {
        let x = n.div_ceil(parts);
        if v.last() != Some(&x) {
            v.push(x);
        }
        parts *= 2;
    }
    v
}

fn splits(m: &Matrix) -> Vec<KSplit> {
    let one = |c: &usize| *c >= 1;
    let mut v = Vec::new();
    let wide = m.dy > 64 || m.dx > 64 || m.kh > 256 || m.kw > 256;
    if m.depthwise {
        return vec![KSplit::Rows(m.kh)];
    }
    if m.kpack {
        return halvings(m.kh).into_iter().filter(one).map(KSplit::Rows).collect();
    }
    if !wide {
        v.extend(halvings(m.kh).into_iter().map(KSplit::Rows));
        if m.kw > 1 {
            v.extend(halvings(m.kw).into_iter().filter(|t| *t < m.kw || m.kh > 1).map(KSplit::Taps));
        }
    }
    v.extend(halvings(m.c.div_ceil(16)).into_iter().map(KSplit::Channels));
    v.dedup();
    v
}

/// Input positions that `o` outputs and `k` taps touch, at most `len`.
fn span(o: usize, s: usize, k: usize, d: usize, len: usize) -> usize {
    ((o - 1) * s + (k - 1) * d + 1).min(len).max(1)
}

/// The cheapest plan, or the bytes that the smallest one would need.
pub(super) fn plan(m: &Matrix, z: &Sizes, cfg: &NpuConfig) -> Result<Plan, usize> {
    let groups = m.n.div_ceil(16);
    let esz = z.xt.size() as usize;
    let overhead = 3 * (u64::from(cfg.dram_latency) + 64) * u64::from(cfg.dram_bw_256) / 256;
    let mut best: Option<(u64, Plan)> = None;
    let mut least = usize::MAX;
    let ks = splits(m);
    for &k in &ks {
        // The first chunk is the largest in every direction.
        let c = chunks_first(m, k);
        let chunk_count = chunk_count(m, k);
        for &ng in &halvings(groups) {
            if ng > 1_023 || (m.params.is_some() && ng * 16 > cfg.prm_records as usize) {
                continue;
            }
            let n = (ng * 16).min(m.n);
            let xc = if m.depthwise { n } else { c.c };
            if xc * esz > 65_535 || c.c.div_ceil(16) > 4_095 {
                continue;
            }
            let w_elems = ng * weight_elems(m, &c);
            let raw_elems = if matches!(m.weights, Weights::Runtime { .. }) { c.c * n } else { 0 };
            let fixed = spm_bytes(w_elems, z.wt) + if raw_elems > 0 { spm_bytes(raw_elems, z.wt) } else { 0 };
            for &oh in &halvings(m.oh) {
                let rows = span(oh, m.sy, c.kh, m.dy, m.ih);
                if oh > 4_095 || rows > 4_095 {
                    continue;
                }
                for &ow in &halvings(m.ow) {
                    let cols = span(ow, m.sx, c.kw, m.dx, m.iw);
                    let x_elems = rows * cols * xc;
                    let bytes = fixed + spm_bytes(x_elems, z.xt) + spm_bytes(oh * ow * n, z.ot);
                    least = least.min(bytes);
                    let acc = ng * oh * ow;
                    if ow > 32_767 || cols > 65_535 || acc > cfg.acc_rows as usize || bytes > cfg.spm_bytes as usize {
                        continue;
                    }
                    let mut p = Plan { oh, ow, ng, k, weights_stay: true, x_elems, w_elems, raw_elems };
                    for stay in [true, false] {
                        p.weights_stay = stay;
                        let cost = cost(m, z, &p, chunk_count, overhead);
                        if best.as_ref().is_none_or(|(b, _)| cost < *b) {
                            best = Some((cost, p));
                        }
                    }
                }
            }
        }
    }
    best.map(|(_, p)| p).ok_or(least)
}

fn chunks_first(m: &Matrix, k: KSplit) -> Chunk {
    match k {
        KSplit::Rows(r) => Chunk { ky: 0, kh: r.min(m.kh), kx: 0, kw: m.kw, c0: 0, c: m.c },
        KSplit::Taps(t) => Chunk { ky: 0, kh: 1, kx: 0, kw: t.min(m.kw), c0: 0, c: m.c },
        KSplit::Channels(g) => Chunk { ky: 0, kh: 1, kx: 0, kw: 1, c0: 0, c: (16 * g).min(m.c) },
    }
}

fn chunk_count(m: &Matrix, k: KSplit) -> usize {
    match k {
        KSplit::Rows(r) => m.kh.div_ceil(r),
        KSplit::Taps(t) => m.kh * m.kw.div_ceil(t),
        KSplit::Channels(g) => m.kh * m.kw * m.c.div_ceil(16).div_ceil(g),
    }
}

/// DRAM bytes, plus a charge for every descriptor.
fn cost(m: &Matrix, z: &Sizes, p: &Plan, chunks: usize, overhead: u64) -> u64 {
    let (esz, wsz) = (z.xt.size() as usize, z.wt.size() as usize);
    let problems = m.problems.len();
    let pixels = m.oh.div_ceil(p.oh) * m.ow.div_ceil(p.ow);
    let n_tiles = m.n.div_ceil(16).div_ceil(p.ng);
    let tiles = problems * pixels * n_tiles;
    let shared = m.problems.windows(2).all(|w| w[0].w == w[1].w);
    let w_loads = match (p.weights_stay && chunks == 1, shared) {
        (true, true) => n_tiles,
        (true, false) => n_tiles * problems,
        _ if n_tiles == 1 && chunks == 1 && shared => 1,
        _ => tiles,
    };
    let x_loads = if chunks == 1 && !p.weights_stay && !m.depthwise { problems * pixels } else { tiles };
    let x = (x_loads * chunks * p.x_elems * esz) as u64;
    let w = (w_loads * chunks * (p.w_elems.max(p.raw_elems)) * wsz) as u64;
    x + w + (tiles * (chunks + 2)) as u64 * overhead
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn conv(kh: usize, kw: usize, c: usize) -> Matrix {
        Matrix {
            mx: isa::MxType::F32,
            depthwise: false,
            kpack: false,
            problems: vec![lir::fused::Problem { a: 0, w: 0, d: 0, prm: 0 }],
            ih: 20,
            iw: 20,
            c,
            a_sy: 20 * c,
            a_sx: c,
            oh: 20,
            ow: 20,
            n: 40,
            d_sy: 800,
            d_sx: 40,
            kh,
            kw,
            sy: 1,
            sx: 1,
            dy: 1,
            dx: 1,
            iy0: 0,
            ix0: 0,
            weights: Weights::Runtime { k_stride: 1, n_stride: 1 },
            zx: 0,
            zw: 0,
            zw_per_channel: false,
            params: None,
            bias: false,
            drain: lir::fused::Drain::Float,
            relu: false,
        }
    }

    proptest! {
        /// Every chunk list visits the groups (ky, kx, channel group) once, in canonical order.
        #[test]
        fn chunks_are_contiguous_ranges_of_the_k_order(kh in 1usize..6, kw in 1usize..6, c in 1usize..70, pick in 0usize..16) {
            let m = conv(kh, kw, c);
            let all = splits(&m);
            let s = all[pick % all.len()];
            let list = chunks(&m, s);
            prop_assert_eq!(list.len(), chunk_count(&m, s));
            prop_assert_eq!(list[0], chunks_first(&m, s));
            let mut visited = Vec::new();
            for ch in &list {
                for ky in ch.ky..ch.ky + ch.kh {
                    for kx in ch.kx..ch.kx + ch.kw {
                        for g in (ch.c0..ch.c0 + ch.c).step_by(16) {
                            prop_assert_eq!(g % 16, 0);
                            visited.push((ky, kx, g / 16));
                        }
                    }
                }
            }
            let mut want = Vec::new();
            for ky in 0..kh { for kx in 0..kw { for g in 0..c.div_ceil(16) { want.push((ky, kx, g)); } } }
            prop_assert_eq!(visited, want);
        }
    }

    #[test]
    fn every_configuration_gets_a_plan() {
        let z = Sizes { xt: DType::F32, wt: DType::F32, ot: DType::F32 };
        for seed in 0..200 {
            let cfg = NpuConfig::random(seed);
            for (kh, kw, c) in [(1, 1, 1000), (3, 3, 64), (7, 7, 3), (5, 1, 17)] {
                let m = conv(kh, kw, c);
                let p = plan(&m, &z, &cfg).unwrap_or_else(|need| panic!("seed {seed}: {need}"));
                assert!(p.ng * p.oh * p.ow <= cfg.acc_rows as usize);
            }
        }
    }
}
