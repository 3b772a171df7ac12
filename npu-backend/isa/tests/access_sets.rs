//! `access_sets` against plain loops over every element, written from sections 3.3 and 4 of the specification.

use std::collections::BTreeSet;

use touchstone_isa as isa;

use isa::random::{DRAWN, random_op};
use isa::{
    AccessSets, Chan, Dma, EwFn, IndexedDma, Init, Limits, Mem, Mx, NpuConfig, Op, Operand, Pool, Region, RqMode, Run,
    Space, Vx, VxFn, access_sets,
};

type Bytes = BTreeSet<(usize, i64)>;

#[derive(Default)]
struct Sets {
    reads: Bytes,
    rmw: Bytes,
    writes: Bytes,
}

fn add(set: &mut Bytes, space: Space, addr: i64, len: i64) {
    set.extend((addr..addr + len).map(|b| (space.index(), b)));
}

fn local(mem: Mem) -> Space {
    Space::local(mem).expect("a local memory")
}

fn dram(region: Region) -> Space {
    Space::Dram(region)
}

/// Every index vector of four counts.
fn indices(n: [i64; 4]) -> impl Iterator<Item = [i64; 4]> {
    (0..n[3]).flat_map(move |i3| {
        (0..n[2]).flat_map(move |i2| (0..n[1]).flat_map(move |i1| (0..n[0]).map(move |i0| [i0, i1, i2, i3])))
    })
}

fn dma(d: &Dma, load: bool, out: &mut Sets) {
    let esz = i64::from(d.esz);
    let (mut far, mut near) = (Bytes::new(), Bytes::new());
    for [i0, i1, i2, i3] in indices(d.n.map(i64::from)) {
        let s = d.dram_s.map(i64::from);
        add(&mut far, dram(d.region), d.dram_off as i64 + i0 * esz + i1 * s[0] + i2 * s[1] + i3 * s[2], esz);
    }
    let padded = |k: usize| i64::from(d.n[k]) + i64::from(d.lo[k]) + i64::from(d.hi[k]);
    for [i0, i1, i2, i3] in indices([padded(0), padded(1), padded(2), i64::from(d.n[3])]) {
        let s = d.loc_s.map(i64::from);
        add(&mut near, local(d.mem), i64::from(d.loc_addr) + i0 * esz + i1 * s[0] + i2 * s[1] + i3 * s[2], esz);
    }
    (out.reads, out.writes) = if load { (far, near) } else { (near, far) };
}

fn indexed(d: &IndexedDma, load: bool, out: &mut Sets) {
    let (esz, isz) = (i64::from(d.esz), if d.idx64 { 8 } else { 4 });
    let (mut far, mut near, mut index) = (Bytes::new(), Bytes::new(), Bytes::new());
    let s = d.loc_s.map(i64::from);
    for [i0, i1, i2, i3] in indices(d.n.map(i64::from)) {
        add(&mut index, Space::Spm, i64::from(d.idx_addr) + isz * (i1 + i2 * i64::from(d.idx_s2)), isz);
        let at = i64::from(d.loc_addr) + i0 * esz + i1 * s[0] + i2 * s[1] + i3 * s[2];
        add(&mut near, local(d.mem), at, esz);
        for j in 0..i64::from(d.len) {
            let row = j * i64::from(d.row_s) + i2 * i64::from(d.dram_s2) + i3 * i64::from(d.dram_s3);
            add(&mut far, dram(d.region), d.dram_off as i64 + row + i0 * esz, esz);
        }
    }
    if load {
        far.extend(&index);
        (out.reads, out.writes) = (far, near);
    } else {
        near.extend(&index);
        (out.reads, out.rmw, out.writes) = (near, far.clone(), far);
    }
}

fn mx(m: &Mx, depthwise: bool, out: &mut Sets) {
    let esz = i64::from(m.dtype.size());
    let groups = if depthwise { i64::from(m.cg) } else { i64::from(m.ng) };
    let last = if depthwise { m.clast } else { m.nlast };
    let channels = |c: i64| i64::from(m.in_sx) / esz * i64::from(m.kpack) + c;
    for b in 0..i64::from(m.batch) {
        let taps = i64::from(m.kh) * i64::from(m.kw);
        let blocks = match (depthwise, m.kpack) {
            (true, _) => i64::from(m.cg) * taps * 16,
            (false, true) => i64::from(m.ng) * i64::from(m.kh) * i64::from(m.cg) * 256,
            (false, false) => i64::from(m.ng) * taps * i64::from(m.cg) * 256,
        };
        add(&mut out.reads, Space::Spm, i64::from(m.w_addr) + b * i64::from(m.b_w_s), blocks * esz);
        for oy in 0..i64::from(m.oh) {
            for ox in 0..i64::from(m.ow) {
                for g in 0..groups {
                    let row = i64::from(m.acc_row) + b * i64::from(m.b_acc_s) + g * i64::from(m.acc_sn);
                    add(&mut out.writes, Space::Acc, 64 * (row + oy * i64::from(m.ow) + ox), 64);
                }
                for ky in 0..i64::from(m.kh) {
                    for kx in 0..i64::from(m.kw) {
                        let iy = i64::from(m.iy0) + oy * i64::from(m.sy) + ky * i64::from(m.dy);
                        let ix = i64::from(m.ix0) + ox * i64::from(m.sx) + kx * i64::from(m.dx);
                        if iy < 0 || ix < 0 || iy >= i64::from(m.ih) || ix >= i64::from(m.iw) {
                            continue;
                        }
                        let ring = i64::from(m.ring_len);
                        let iy = if ring > 0 { (iy + i64::from(m.ring_off)) % ring } else { iy };
                        let at = i64::from(m.in_addr)
                            + b * i64::from(m.b_in_s)
                            + iy * i64::from(m.in_sy)
                            + ix * i64::from(m.in_sx);
                        if m.kpack {
                            add(&mut out.reads, Space::Spm, at, channels(0) * esz);
                            continue;
                        }
                        for g in 0..i64::from(m.cg) {
                            let lanes = if g + 1 == i64::from(m.cg) { i64::from(m.clast) } else { 16 };
                            add(&mut out.reads, Space::Spm, at + g * i64::from(m.in_sc), lanes * esz);
                        }
                    }
                }
            }
        }
    }
    for n in 0..16 * (groups - 1) + i64::from(last) {
        let record = 16 * (i64::from(m.prm_rec) + n);
        if m.init == Init::Bias {
            add(&mut out.reads, Space::Prm, record, 4);
        }
        if m.zwm {
            add(&mut out.reads, Space::Prm, record + 14, 2);
        }
    }
    if m.zxm {
        add(&mut out.reads, Space::Prm, 16 * i64::from(m.zx_rec) + 8, 4);
    }
    if m.init == Init::Accumulate {
        out.rmw = out.writes.clone();
    }
}

fn element(o: &Operand, i: [i64; 4]) -> i64 {
    let steps: i64 = (0..4).map(|k| i[k] * i64::from(o.s[k])).sum();
    i64::from(o.addr) + i64::from(o.dt.size()) * steps
}

fn vx(op: &Op, v: &Vx, out: &mut Sets) {
    let f = v.ew();
    let uses_a = !matches!(op, Op::Fill(_)) && f != Some(EwFn::Iota);
    let uses_b = v.b.mem != Mem::Imm
        && match op {
            Op::Ew(_) => f.is_some_and(EwFn::uses_b),
            Op::Ga(_) | Op::Sc(_) => true,
            Op::Scan(_) => v.acc,
            _ => false,
        };
    let (a_rec, b_rec, d_rec) = v.form.records();
    let record = |out: &mut Sets, rec: Option<u16>, channel: i64, len: i64| {
        if let Some(rec) = rec {
            add(&mut out.reads, Space::Prm, 16 * (i64::from(rec) + channel) + 4, len);
        }
    };
    let step = i64::from(v.form.imm0().cast_signed());
    let rq = matches!(op, Op::Rq(_));
    let shift = i64::from(rq && matches!(v.rq, RqMode::Single | RqMode::Double));
    for i in indices(v.n.map(i64::from)) {
        let size = |o: &Operand| i64::from(o.dt.size());
        if uses_a {
            let range = if matches!(op, Op::Ga(_)) { i64::from(v.form.imm1()) } else { 1 };
            for j in 0..range {
                let at =
                    element(&v.a, i) + if range > 1 || matches!(op, Op::Ga(_)) { j * step * size(&v.a) } else { 0 };
                add(&mut out.reads, local(v.a.mem), at, size(&v.a));
            }
        }
        if uses_b {
            add(&mut out.reads, local(v.b.mem), element(&v.b, i), size(&v.b));
        }
        let chan = i64::from(v.chan.of(i.map(|x| x as u32)));
        record(out, a_rec, if v.chm_a { chan } else { 0 }, 8);
        record(out, b_rec, 0, 8);
        record(out, d_rec, if v.chm_d || rq { chan } else { 0 }, 8 + shift);
        if matches!(op, Op::Sort(_)) && i[0] >= i64::from(v.form.imm0()) {
            continue;
        }
        let range = if matches!(op, Op::Sc(_)) { i64::from(v.form.imm1()) } else { 1 };
        for j in 0..range {
            let offset = if matches!(op, Op::Sc(_)) { j * step * size(&v.d) } else { 0 };
            add(&mut out.writes, local(v.d.mem), element(&v.d, i) + offset, size(&v.d));
        }
    }
    if matches!(op, Op::Lut(_)) {
        let len = if v.a.dt.size() == 1 { 256 } else { 513 * 2 };
        add(&mut out.reads, Space::Lut, 2048 * i64::from(v.lut), len);
    }
    let reads_d = match v.func {
        VxFn::Ew(f) => matches!(f, EwFn::Cmov | EwFn::Fmac),
        VxFn::Red(_) => v.acc,
        VxFn::Sc(_) => true,
        _ => false,
    };
    if reads_d {
        out.rmw = out.writes.clone();
    }
}

fn pool(p: &Pool, out: &mut Sets) {
    let (a_size, d_size) = (i64::from(p.a_dt.size()), i64::from(p.d_dt.size()));
    let (a_rec, _, d_rec) = p.form.records();
    for [c, ox, oy, _] in indices([p.n0, p.ow, p.oh, 1].map(i64::from)) {
        let d = c + ox * i64::from(p.d_sx) + oy * i64::from(p.d_sy);
        add(&mut out.writes, local(p.d_mem), i64::from(p.d_addr) + d * d_size, d_size);
        for (rec, advance) in [(a_rec, p.chm_a), (d_rec, p.chm_d)] {
            if let Some(rec) = rec {
                let channel = if advance && p.chan == Chan::I0 { c } else { 0 };
                add(&mut out.reads, Space::Prm, 16 * (i64::from(rec) + channel) + 4, 8);
            }
        }
        for ky in 0..i64::from(p.kh) {
            for kx in 0..i64::from(p.kw) {
                let iy = i64::from(p.iy0) + oy * i64::from(p.sy) + ky * i64::from(p.dy);
                let ix = i64::from(p.ix0) + ox * i64::from(p.sx) + kx * i64::from(p.dx);
                if (0..i64::from(p.ih)).contains(&iy) && (0..i64::from(p.iw)).contains(&ix) {
                    let a = c + ix * i64::from(p.a_sx) + iy * i64::from(p.a_sy);
                    add(&mut out.reads, local(p.a_mem), i64::from(p.a_addr) + a * a_size, a_size);
                }
            }
        }
    }
}

fn expand<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Bytes {
    let mut out = Bytes::new();
    for run in runs {
        for (start, end) in run.intervals() {
            add(&mut out, run.space, start as i64, (end - start) as i64);
        }
    }
    out
}

#[test]
fn byte_sets_are_those_of_plain_loops() {
    let config = NpuConfig::tiny();
    let limits = Limits::new(&config, &[4096; 4]);
    for mnemonic in DRAWN {
        for seed in 0..300 {
            let instr = random_op(mnemonic, &config, &limits, seed);
            let mut want = Sets::default();
            match &instr.op {
                Op::Ld(d) => dma(d, true, &mut want),
                Op::St(d) => dma(d, false, &mut want),
                Op::Ldx(d) => indexed(d, true, &mut want),
                Op::Stx(d) => indexed(d, false, &mut want),
                Op::MxConv(m) => mx(m, false, &mut want),
                Op::MxDw(m) => mx(m, true, &mut want),
                Op::Pool(p) => pool(p, &mut want),
                Op::Poison(p) => {
                    let space = Space::local(p.mem).unwrap_or(Space::Dram(p.region));
                    add(&mut want.writes, space, p.off as i64, p.len as i64);
                }
                op => op.vx().into_iter().for_each(|v| vx(op, v, &mut want)),
            }
            let AccessSets { reads, rmw, writes } = access_sets(&instr, &limits).expect("in bounds");
            assert_eq!(expand(&reads), want.reads, "{mnemonic} {seed}: reads");
            assert_eq!(expand(&rmw), want.rmw, "{mnemonic} {seed}: reads of d");
            assert_eq!(expand(&writes), want.writes, "{mnemonic} {seed}: writes");
        }
    }
}
