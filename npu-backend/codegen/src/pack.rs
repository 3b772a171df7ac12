//! Weights in the order of the matrix engine (NPU.md 4.3), and the inverse.

/// Extents of the weights of one problem.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PackShape {
    /// Output channels.
    pub n: usize,
    /// Channels summed over; 1 for depthwise.
    pub c: usize,
    /// Kernel rows.
    pub kh: usize,
    /// Kernel columns.
    pub kw: usize,
    /// Order `[ng][ky][cg][n16][q16]` with `q = kx·c + ch`.
    pub kpack: bool,
    /// Order `[cg][ky][kx][c16]`.
    pub depthwise: bool,
}

impl PackShape {
    /// Groups of 16 output channels.
    pub fn groups(&self) -> usize {
        self.n.div_ceil(16)
    }
    /// Groups of 16 summed lanes for one `ky` (kpack) or one tap.
    pub fn k_groups(&self) -> usize {
        if self.kpack { (self.kw * self.c).div_ceil(16) } else { self.c.div_ceil(16) }
    }
    /// Elements of one group of 16 output channels.
    pub fn group_elems(&self) -> usize {
        match (self.depthwise, self.kpack) {
            (true, _) => self.kh * self.kw * 16,
            (_, true) => self.kh * self.k_groups() * 256,
            _ => self.kh * self.kw * self.k_groups() * 256,
        }
    }
    /// Elements of the packed weights.
    pub fn elems(&self) -> usize {
        self.groups() * self.group_elems()
    }
    /// Packed position of weight (n, c, ky, kx).
    pub fn index(&self, n: usize, c: usize, ky: usize, kx: usize) -> usize {
        let base = n / 16 * self.group_elems();
        if self.depthwise {
            return base + (ky * self.kw + kx) * 16 + n % 16;
        }
        let (block, lane) = if self.kpack {
            let q = kx * self.c + c;
            (ky * self.k_groups() + q / 16, q % 16)
        } else {
            ((ky * self.kw + kx) * self.k_groups() + c / 16, c % 16)
        };
        base + block * 256 + n % 16 * 16 + lane
    }
}

/// Packs weights whose element (n, c, ky, kx) is number `at(n, c, ky, kx)` of `src`; the rest is zero bytes.
pub fn pack(shape: &PackShape, src: &[u8], esz: usize, at: impl Fn(usize, usize, usize, usize) -> usize) -> Vec<u8> {
    let mut out = vec![0u8; shape.elems() * esz];
    for_each(shape, |n, c, ky, kx| {
        let (i, o) = (at(n, c, ky, kx) * esz, shape.index(n, c, ky, kx) * esz);
        out[o..o + esz].copy_from_slice(&src[i..i + esz]);
    });
    out
}

/// The inverse of [`pack`]: writes element (n, c, ky, kx) to number `at(n, c, ky, kx)` of `dst`.
pub fn unpack(
    shape: &PackShape,
    packed: &[u8],
    esz: usize,
    dst: &mut [u8],
    at: impl Fn(usize, usize, usize, usize) -> usize,
) {
    for_each(shape, |n, c, ky, kx| {
        let (o, i) = (at(n, c, ky, kx) * esz, shape.index(n, c, ky, kx) * esz);
        dst[o..o + esz].copy_from_slice(&packed[i..i + esz]);
    });
}

fn for_each(s: &PackShape, mut f: impl FnMut(usize, usize, usize, usize)) {
    let c = if s.depthwise { 1 } else { s.c };
    for n in 0..s.n {
        for ky in 0..s.kh {
            for kx in 0..s.kw {
                for ch in 0..c {
                    f(n, ch, ky, kx);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn unpack_inverts_pack(n in 1usize..40, c in 1usize..40, kh in 1usize..4, kw in 1usize..4, order in 0u8..3, esz in prop::sample::select(vec![1usize, 2, 4])) {
            let s = PackShape { n, c: if order == 2 { 1 } else { c }, kh, kw, kpack: order == 1, depthwise: order == 2 };
            let at = |n: usize, c: usize, ky: usize, kx: usize| ((n * s.c + c) * kh + ky) * kw + kx;
            let src: Vec<u8> = (0..n * s.c * kh * kw * esz).map(|i| (i * 31 + i / 256 + 1) as u8).collect();
            let packed = pack(&s, &src, esz, at);
            let mut back = vec![0u8; src.len()];
            unpack(&s, &packed, esz, &mut back, at);
            prop_assert_eq!(&back, &src);
            // The rest is zero: as many non-zero bytes as before.
            let nz = |b: &[u8]| b.iter().filter(|x| **x != 0).count();
            prop_assert_eq!(nz(&packed), nz(&src));
        }
    }

    #[test]
    fn the_order_is_the_specification_s() {
        // [ng][ky][kx][cg][n16][c16] with 20 channels in, 17 out, 2x3 taps.
        let s = PackShape { n: 17, c: 20, kh: 2, kw: 3, kpack: false, depthwise: false };
        assert_eq!(s.elems(), 2 * 2 * 3 * 2 * 256);
        // ng 1, ky 1, kx 2, cg 1, n16 0, c16 1
        assert_eq!(s.index(16, 17, 1, 2), (((2 + 1) * 3 + 2) * 2 + 1) * 256 + 1);
        // kpack [ng][ky][cg][n16][q16], q = kx*c + ch
        let s = PackShape { n: 17, c: 5, kh: 2, kw: 7, kpack: true, depthwise: false };
        assert_eq!(s.elems(), 2 * 2 * 3 * 256);
        // ky 1, cg 34 / 16, n16 3, q16 34 % 16
        assert_eq!(s.index(3, 4, 1, 6), ((3 + 2) * 16 + 3) * 16 + 2);
        // depthwise [cg][ky][kx][c16]
        let s = PackShape { n: 20, c: 1, kh: 3, kw: 3, kpack: false, depthwise: true };
        assert_eq!(s.index(18, 0, 2, 1), (9 + 7) * 16 + 2);
    }
}
