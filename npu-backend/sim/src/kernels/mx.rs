//! MXCONV and MXDW (3.1, 3.2, 4.3): geometry and checks. The arithmetic is in `mx_int` and `mx_float`.

use isa::{Init, Mx, TrapCode};

use crate::machine::Machine;
use crate::mem::{Check, Fault};
use crate::runs::Runs;

use super::{mx_float, mx_int};

/// One matrix instruction with its derived sizes.
#[derive(Clone, Debug)]
pub(crate) struct Job<'a> {
    pub mx: &'a Mx,
    pub depthwise: bool,
    pub esz: usize,
    /// Blocks of 16 k per output (conv: taps x channel groups; kpack: rows x groups; depthwise: groups of 16 taps).
    pub blocks: usize,
    /// Channels of a pixel in kpack mode.
    pub kpack_c: usize,
    /// Output groups (depthwise: channel groups).
    pub groups: usize,
    /// Lanes of the last output group.
    pub last: usize,
}

impl<'a> Job<'a> {
    pub(crate) fn new(mx: &'a Mx, depthwise: bool) -> Result<Self, Fault> {
        let esz = mx.dtype.size() as usize;
        let (kh, kw, cg) = (usize::from(mx.kh), usize::from(mx.kw), usize::from(mx.cg));
        let kpack_c = mx.in_sx as usize / esz;
        if mx.kpack && !depthwise {
            let lanes = kw * kpack_c;
            let agree = lanes.div_ceil(16) == cg && (lanes + 15) % 16 + 1 == usize::from(mx.clast);
            if lanes == 0 || !agree || mx.dx != 1 || !(mx.in_sx as usize).is_multiple_of(esz) {
                return Err(Fault::new(TrapCode::Decode, "kpack: cg, clast, dx or in_sx do not fit kw*C"));
            }
        }
        let blocks = match (depthwise, mx.kpack) {
            (true, _) => (kh * kw).div_ceil(16),
            (false, true) => kh * cg,
            (false, false) => kh * kw * cg,
        };
        let (groups, last) = if depthwise { (cg, mx.clast) } else { (usize::from(mx.ng), mx.nlast) };
        Ok(Job { mx, depthwise, esz, blocks, kpack_c, groups, last: usize::from(last) })
    }

    /// Input row of output row `oy` and tap `ky`, after the rolling buffer; `None` outside.
    #[inline]
    pub(crate) fn row(&self, oy: usize, ky: usize) -> Option<usize> {
        let mx = self.mx;
        let iy = i64::from(mx.iy0) + (oy * usize::from(mx.sy) + ky * usize::from(mx.dy)) as i64;
        if !(0..i64::from(mx.ih)).contains(&iy) {
            return None;
        }
        if mx.ring_len == 0 {
            return Some(iy as usize);
        }
        Some((iy as usize + usize::from(mx.ring_off)) % usize::from(mx.ring_len))
    }

    /// Input column of output column `ox` and tap `kx`; `None` outside.
    #[inline]
    pub(crate) fn col(&self, ox: usize, kx: usize) -> Option<usize> {
        let mx = self.mx;
        let ix = i64::from(mx.ix0) + (ox * usize::from(mx.sx) + kx * usize::from(mx.dx)) as i64;
        (0..i64::from(mx.iw)).contains(&ix).then_some(ix as usize)
    }

    /// Address of input (row, column), channel group 0, of batch `b`.
    #[inline]
    pub(crate) fn pixel(&self, b: usize, row: usize, col: usize) -> usize {
        let mx = self.mx;
        mx.in_addr as usize + b * mx.b_in_s as usize + row * mx.in_sy as usize + col * mx.in_sx as usize
    }

    /// ACC row of output pixel 0 of (batch, group).
    pub(crate) fn acc_row(&self, b: usize, group: usize) -> usize {
        let mx = self.mx;
        usize::from(mx.acc_row) + b * usize::from(mx.b_acc_s) + group * usize::from(mx.acc_sn)
    }

    /// Output pixels.
    pub(crate) fn pixels(&self) -> usize {
        usize::from(self.mx.oh) * usize::from(self.mx.ow)
    }

    /// Valid lanes of an output group.
    pub(crate) fn lanes(&self, group: usize) -> usize {
        if group + 1 == self.groups { self.last } else { 16 }
    }

    /// Output channels.
    pub(crate) fn channels(&self) -> usize {
        (self.groups - 1) * 16 + self.last
    }

    /// Bytes of the weights of one batch.
    pub(crate) fn weight_bytes(&self) -> usize {
        if self.depthwise {
            self.groups * usize::from(self.mx.kh) * usize::from(self.mx.kw) * 16 * self.esz
        } else {
            self.groups * self.blocks * 256 * self.esz
        }
    }

    /// Input bytes that active lanes read, as boxes.
    pub(crate) fn input_runs(&self) -> Vec<Runs> {
        let mx = self.mx;
        let rows = touched(usize::from(mx.oh), usize::from(mx.kh), usize::from(mx.ih), |o, k| self.row(o, k));
        let cols = touched(usize::from(mx.ow), usize::from(mx.kw), usize::from(mx.iw), |o, k| self.col(o, k));
        let batch = (u64::from(mx.batch), i64::from(mx.b_in_s));
        let mut boxes = Vec::new();
        for &(y, ny, dy) in &rows {
            for &(x, nx, dx) in &cols {
                let base = self.pixel(0, y, x) as i64;
                let ys = (ny as u64, dy as i64 * i64::from(mx.in_sy));
                let xs = (nx as u64, dx as i64 * i64::from(mx.in_sx));
                if mx.kpack && !self.depthwise {
                    boxes.push(Runs::new(base, (self.kpack_c * self.esz) as u64, &[xs, ys, batch]));
                    continue;
                }
                let (full, lanes) = (u64::from(mx.cg) - u64::from(mx.clast < 16), u64::from(mx.clast));
                let esz = self.esz as u64;
                if full > 0 {
                    boxes.push(Runs::new(base, 16 * esz, &[(full, i64::from(mx.in_sc)), xs, ys, batch]));
                }
                if mx.clast < 16 {
                    let last = base + full as i64 * i64::from(mx.in_sc);
                    boxes.push(Runs::new(last, lanes * esz, &[xs, ys, batch]));
                }
            }
        }
        boxes
    }

    /// Weight bytes: whole blocks of every batch.
    pub(crate) fn weight_runs(&self) -> Runs {
        let batch = (u64::from(self.mx.batch), i64::from(self.mx.b_w_s));
        Runs::new(i64::from(self.mx.w_addr), self.weight_bytes() as u64, &[batch])
    }

    /// ACC bytes written (and read with ACCUMULATE).
    pub(crate) fn acc_runs(&self) -> Runs {
        let mx = self.mx;
        Runs::new(
            i64::from(mx.acc_row) * 64,
            self.pixels() as u64 * 64,
            &[(self.groups as u64, i64::from(mx.acc_sn) * 64), (u64::from(mx.batch), i64::from(mx.b_acc_s) * 64)],
        )
    }
}

/// The distinct positions that any (output, tap) reaches, as progressions (start, count, step).
pub(crate) fn touched(
    outs: usize,
    taps: usize,
    extent: usize,
    position: impl Fn(usize, usize) -> Option<usize>,
) -> Vec<(usize, usize, usize)> {
    let mut hit = vec![false; extent];
    let mut beyond = Vec::new(); // a rolling buffer may be longer than the input
    for o in 0..outs {
        for k in 0..taps {
            match position(o, k) {
                Some(p) if p < extent => hit[p] = true,
                Some(p) => beyond.push(p),
                None => {}
            }
        }
    }
    beyond.sort_unstable();
    beyond.dedup();
    let positions: Vec<usize> = (0..extent).filter(|&p| hit[p]).chain(beyond).collect();
    let mut list = Vec::new();
    let mut at = 0;
    while at < positions.len() {
        let mut count = 1;
        let step = positions.get(at + 1).map_or(1, |next| next - positions[at]);
        while positions.get(at + count).is_some_and(|&p| p == positions[at] + count * step) {
            count += 1;
        }
        list.push((positions[at], count, step));
        at += count;
    }
    list
}

/// All checks of a matrix instruction, in the order of 2.5.
fn check(m: &Machine, job: &Job<'_>) -> Check {
    let mx = job.mx;
    let inputs = job.input_runs();
    let bounds = |memory: &crate::mem::Memory, runs: &Runs| {
        let (lo, len) = runs.hull();
        memory.bounds(lo, len)
    };
    for runs in &inputs {
        bounds(&m.spm, runs)?;
    }
    bounds(&m.spm, &job.weight_runs())?;
    bounds(&m.acc.mem, &job.acc_runs())?;
    let records = job.channels() as u64;
    let uses_records = mx.init == Init::Bias || mx.zwm;
    if uses_records {
        m.prm.bounds(i64::from(mx.prm_rec) * 16, records * 16)?;
    }
    if mx.zxm {
        m.prm.bounds(i64::from(mx.zx_rec) * 16, 16)?;
    }
    if !mx.w_addr.is_multiple_of(16) || (mx.batch > 1 && !mx.b_w_s.is_multiple_of(16)) {
        return Err(Fault::new(TrapCode::Align, format!("weights at {:#x} + b*{:#x}", mx.w_addr, mx.b_w_s)));
    }
    if !m.check {
        return Ok(());
    }
    for runs in &inputs {
        runs.each(|at, len| m.spm.inited(at, len))?;
    }
    job.weight_runs().each(|at, len| m.spm.inited(at, len))?;
    for n in 0..records as i64 {
        let record = (i64::from(mx.prm_rec) + n) * 16;
        if mx.init == Init::Bias {
            m.prm.inited(record, 4)?;
        }
        if mx.zwm {
            m.prm.inited(record + 14, 2)?;
        }
    }
    if mx.zxm {
        m.prm.inited(i64::from(mx.zx_rec) * 16 + 8, 4)?;
    }
    if mx.init == Init::Accumulate {
        job.acc_runs().each(|at, len| m.acc.mem.inited(at, len))?;
        job.acc_runs().each(|at, len| m.acc.check_tag(at as usize, len, mx.dtype.tag()))?;
    }
    Ok(())
}

/// Activation and per-channel weight zero points; E_PARAM outside -128..=255.
pub(crate) fn zero_points(m: &Machine, job: &Job<'_>) -> Result<(i32, Vec<i32>), Fault> {
    let mx = job.mx;
    let legal = |what: &str, v: i32| {
        if (-128..=255).contains(&v) {
            return Ok(v);
        }
        Err(Fault::new(TrapCode::Param, format!("{what} = {v}")))
    };
    let word = |at: usize, n: usize| &m.prm.data[at..at + n];
    let zx = if mx.zxm {
        let bytes = word(usize::from(mx.zx_rec) * 16 + 8, 4).try_into().expect("four bytes");
        legal("zx", i32::from_le_bytes(bytes))?
    } else {
        i32::from(mx.zx)
    };
    let mut zw = vec![i32::from(mx.zw); job.groups * 16];
    if mx.zwm {
        for (n, z) in zw.iter_mut().enumerate().take(job.channels()) {
            let bytes = word((usize::from(mx.prm_rec) + n) * 16 + 14, 2).try_into().expect("two bytes");
            *z = legal("zw", i32::from(i16::from_le_bytes(bytes)))?;
        }
    }
    Ok((zx, zw))
}

/// The bias bits of each output channel; 0 without BIAS and in lanes that do not exist.
pub(crate) fn biases(m: &Machine, job: &Job<'_>) -> Vec<u32> {
    let mut bias = vec![0; job.groups * 16];
    if job.mx.init == Init::Bias {
        for (n, b) in bias.iter_mut().enumerate().take(job.channels()) {
            let at = (usize::from(job.mx.prm_rec) + n) * 16;
            *b = u32::from_le_bytes(m.prm.data[at..at + 4].try_into().expect("four bytes"));
        }
    }
    bias
}

/// MXCONV.
pub(crate) fn conv(m: &mut Machine, mx: &Mx) -> Check {
    let job = Job::new(mx, false)?;
    check(m, &job)?;
    if mx.dtype.is_float() { mx_float::conv(m, &job) } else { mx_int::conv(m, &job) }
}

/// MXDW.
pub(crate) fn depthwise(m: &mut Machine, mx: &Mx) -> Check {
    let job = Job::new(mx, true)?;
    check(m, &job)?;
    if mx.dtype.is_float() { mx_float::depthwise(m, &job) } else { mx_int::depthwise(m, &job) }
}
