//! The bytes that an instruction touches, operand by operand, relative to whatever its address fields are relative to.
//!
//! Written for the verifiers of S and A from NPU.md section 4, apart from `isa::access_sets`: that one answers for a whole
//! instruction in absolute addresses, this one keeps the fields apart, because each has a place of its own.

use isa::{Dma, EwFn, Form, IndexedDma, Init, Mem, Mx, Op, Operand, Pool, RqMode, Vx, VxFn};

/// The address field that an access belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Field {
    /// `a_addr`, `in_addr`, `loc_addr`.
    A,
    /// `b_addr`, `w_addr`, `idx_addr`.
    B,
    /// `d_addr`, `acc_row`.
    D,
    /// A record number: 0 `aprm` (and `zx_rec`), 1 `bprm`, 2 `dprm` (and `prm_rec`).
    Prm(u8),
    /// `dram_off`.
    Dram,
    /// A look-up table; absolute.
    Lut,
}

/// What is done with the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Read.
    Read,
    /// Written.
    Write,
    /// Read, then written.
    Update,
}

impl Kind {
    /// Whether the old bytes matter.
    pub fn reads(self) -> bool {
        self != Kind::Write
    }
    /// Whether the bytes change.
    pub fn writes(self) -> bool {
        self != Kind::Read
    }
}

/// Bytes of one operand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    /// Address field.
    pub field: Field,
    /// Memory; `Dram` for DRAM.
    pub mem: Mem,
    /// Direction.
    pub kind: Kind,
    /// (first byte, bytes), in an order that depends only on the fields other than the addresses.
    pub pieces: Vec<(i64, i64)>,
}

/// All accesses of an operation. Indexed dimensions count as their whole range.
pub fn accesses(op: &Op) -> Vec<Access> {
    match op {
        Op::Nop | Op::Fence | Op::Halt | Op::SegmentEnd { .. } | Op::Poison(_) => Vec::new(),
        Op::Ld(d) => vec![dram_side(d, Kind::Read), local_side(d, Kind::Write)],
        Op::St(d) => vec![local_side(d, Kind::Read), dram_side(d, Kind::Write)],
        Op::Ldx(d) => indexed(d, Kind::Read, Kind::Write),
        Op::Stx(d) => indexed(d, Kind::Update, Kind::Read),
        Op::MxConv(m) => matrix(m, false),
        Op::MxDw(m) => matrix(m, true),
        Op::Pool(p) => pool(p),
        Op::Rq(v)
        | Op::Ew(v)
        | Op::Lut(v)
        | Op::Red(v)
        | Op::Cvt(v)
        | Op::Tr(v)
        | Op::Fill(v)
        | Op::Ga(v)
        | Op::Sc(v)
        | Op::Scan(v)
        | Op::Sort(v) => vector(op, v),
    }
}

/// All pieces `base + Σ i·stride + 0..len`, first loop fastest; loops of stride 0 count once, adjacent pieces become one.
fn boxes(base: i64, len: i64, loops: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let (mut base, mut len) = (base, len);
    let mut rest: Vec<(i64, i64)> = loops.iter().copied().filter(|&(n, s)| n > 1 && s != 0).collect();
    while let Some(&(n, s)) = rest.first() {
        if s == len {
            len *= n;
        } else if s == -len {
            base += (n - 1) * s;
            len *= n;
        } else {
            break;
        }
        rest.remove(0);
    }
    let mut out = vec![(base, len)];
    for (n, s) in rest {
        let inner = out;
        out = Vec::with_capacity(inner.len() * n as usize);
        for i in 0..n {
            out.extend(inner.iter().map(|&(b, l)| (b + i * s, l)));
        }
    }
    out
}

fn dram_side(d: &Dma, kind: Kind) -> Access {
    let loops: Vec<(i64, i64)> = (0..3).map(|k| (i64::from(d.n[k + 1]), i64::from(d.dram_s[k]))).collect();
    let len = i64::from(d.n[0]) * i64::from(d.esz);
    Access { field: Field::Dram, mem: Mem::Dram, kind, pieces: boxes(d.dram_off as i64, len, &loops) }
}

fn local_side(d: &Dma, kind: Kind) -> Access {
    let extent = |k: usize| i64::from(d.n[k]) + i64::from(d.lo[k]) + i64::from(d.hi[k]);
    let counts = [extent(1), extent(2), i64::from(d.n[3])];
    let loops: Vec<(i64, i64)> = counts.into_iter().zip(d.loc_s.map(i64::from)).collect();
    let pieces = boxes(i64::from(d.loc_addr), extent(0) * i64::from(d.esz), &loops);
    Access { field: Field::A, mem: d.mem, kind, pieces }
}

fn indexed(d: &IndexedDma, dram: Kind, local: Kind) -> Vec<Access> {
    let [n0, n1, n2, n3] = d.n.map(i64::from);
    let len = n0 * i64::from(d.esz);
    let size = if d.idx64 { 8 } else { 4 };
    let rows = [(i64::from(d.len), i64::from(d.row_s)), (n2, d.dram_s2.into()), (n3, d.dram_s3.into())];
    let index = [(n1, size), (n2, size * i64::from(d.idx_s2))];
    let loops: Vec<(i64, i64)> = [n1, n2, n3].into_iter().zip(d.loc_s.map(i64::from)).collect();
    vec![
        Access { field: Field::Dram, mem: Mem::Dram, kind: dram, pieces: boxes(d.dram_off as i64, len, &rows) },
        Access { field: Field::B, mem: Mem::Spm, kind: Kind::Read, pieces: boxes(i64::from(d.idx_addr), size, &index) },
        Access { field: Field::A, mem: d.mem, kind: local, pieces: boxes(i64::from(d.loc_addr), len, &loops) },
    ]
}

/// Input positions along one axis that some tap of some output reads, ascending.
fn touched(first: i16, outputs: u16, stride: u16, taps: u16, dilation: u8, extent: u16) -> Vec<i64> {
    let mut all = Vec::new();
    for o in 0..i64::from(outputs) {
        for k in 0..i64::from(taps) {
            let i = i64::from(first) + o * i64::from(stride) + k * i64::from(dilation);
            if (0..i64::from(extent)).contains(&i) {
                all.push(i);
            }
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn push_merged(pieces: &mut Vec<(i64, i64)>, start: i64, len: i64) {
    match pieces.last_mut() {
        Some(last) if last.0 + last.1 == start => last.1 += len,
        _ => pieces.push((start, len)),
    }
}

fn matrix(m: &Mx, depthwise: bool) -> Vec<Access> {
    let size = i64::from(m.dtype.size());
    let (cg, ng, batch) = (i64::from(m.cg), i64::from(m.ng), i64::from(m.batch));
    let rows = touched(m.iy0, m.oh, m.sy, m.kh, m.dy, m.ih);
    let columns = touched(m.ix0, m.ow, m.sx, m.kw, m.dx, m.iw);
    let mut input = Vec::new();
    for b in 0..batch {
        for &row in &rows {
            let row = if m.ring_len > 0 { (row + i64::from(m.ring_off)) % i64::from(m.ring_len) } else { row };
            for &column in &columns {
                let at = i64::from(m.in_addr)
                    + b * i64::from(m.b_in_s)
                    + row * i64::from(m.in_sy)
                    + column * i64::from(m.in_sx);
                if m.kpack {
                    push_merged(&mut input, at, i64::from(m.in_sx));
                    continue;
                }
                for g in 0..cg {
                    let lanes = if g + 1 == cg { i64::from(m.clast) } else { 16 };
                    push_merged(&mut input, at + g * i64::from(m.in_sc), lanes * size);
                }
            }
        }
    }
    let taps = i64::from(m.kh) * i64::from(m.kw);
    let weight_bytes = size
        * match (depthwise, m.kpack) {
            (true, _) => cg * taps * 16,
            (false, true) => ng * i64::from(m.kh) * cg * 256,
            (false, false) => ng * taps * cg * 256,
        };
    let groups = if depthwise { cg } else { ng };
    let channels = (groups - 1) * 16 + i64::from(if depthwise { m.clast } else { m.nlast });
    let pixels = i64::from(m.oh) * i64::from(m.ow);
    let row_loops = [(groups, i64::from(m.acc_sn) * 64), (batch, i64::from(m.b_acc_s) * 64)];
    let rows_kind = if m.init == Init::Accumulate { Kind::Update } else { Kind::Write };
    let mut out = vec![
        Access { field: Field::A, mem: Mem::Spm, kind: Kind::Read, pieces: input },
        Access {
            field: Field::B,
            mem: Mem::Spm,
            kind: Kind::Read,
            pieces: boxes(i64::from(m.w_addr), weight_bytes, &[(batch, i64::from(m.b_w_s))]),
        },
        Access {
            field: Field::D,
            mem: Mem::Acc,
            kind: rows_kind,
            pieces: boxes(i64::from(m.acc_row) * 64, pixels * 64, &row_loops),
        },
    ];
    let record = i64::from(m.prm_rec) * 16;
    if m.init == Init::Bias {
        out.push(records(2, record, 4, &[(channels, 16)]));
    }
    if m.zwm {
        out.push(records(2, record + 14, 2, &[(channels, 16)]));
    }
    if m.zxm {
        out.push(records(0, i64::from(m.zx_rec) * 16 + 8, 4, &[]));
    }
    out
}

fn records(which: u8, base: i64, len: i64, loops: &[(i64, i64)]) -> Access {
    Access { field: Field::Prm(which), mem: Mem::Prm, kind: Kind::Read, pieces: boxes(base, len, loops) }
}

fn pool(p: &Pool) -> Vec<Access> {
    let size = i64::from(p.a_dt.size());
    let mut input = Vec::new();
    for row in touched(p.iy0, p.oh, p.sy.into(), p.kh, p.dy, p.ih) {
        for column in touched(p.ix0, p.ow, p.sx.into(), p.kw, p.dx, p.iw) {
            let element = row * i64::from(p.a_sy) + column * i64::from(p.a_sx);
            push_merged(&mut input, i64::from(p.a_addr) + element * size, i64::from(p.n0) * size);
        }
    }
    let out_size = i64::from(p.d_dt.size());
    let loops = [(i64::from(p.ow), i64::from(p.d_sx) * out_size), (i64::from(p.oh), i64::from(p.d_sy) * out_size)];
    let mut out = vec![
        Access { field: Field::A, mem: p.a_mem, kind: Kind::Read, pieces: input },
        Access {
            field: Field::D,
            mem: p.d_mem,
            kind: Kind::Write,
            pieces: boxes(i64::from(p.d_addr), i64::from(p.n0) * out_size, &loops),
        },
    ];
    let (a, _, d) = p.form.records();
    for (which, rec, advances) in [(0, a, p.chm_a), (2, d, p.chm_d)] {
        let loops: &[(i64, i64)] = if advances { &[(i64::from(p.n0), 16)] } else { &[] };
        out.extend(rec.map(|r| records(which, i64::from(r) * 16 + 4, 8, loops)));
    }
    out
}

fn operand(field: Field, kind: Kind, o: &Operand, n: [i64; 4], extra: Option<(i64, i64)>) -> Access {
    let size = i64::from(o.dt.size());
    let mut loops: Vec<(i64, i64)> = n.into_iter().zip(o.s).map(|(n, s)| (n, i64::from(s) * size)).collect();
    loops.extend(extra);
    Access { field, mem: o.mem, kind, pieces: boxes(i64::from(o.addr), size, &loops) }
}

fn vector(op: &Op, v: &Vx) -> Vec<Access> {
    let n = v.n.map(i64::from);
    let mut out = Vec::new();
    let index = |size: u32| (i64::from(v.form.imm1()), i64::from(v.form.imm0().cast_signed()) * i64::from(size));
    if !matches!(op, Op::Fill(_)) && v.ew().is_none_or(EwFn::uses_a) {
        let extra = matches!(op, Op::Ga(_)).then(|| index(v.a.dt.size()));
        out.push(operand(Field::A, Kind::Read, &v.a, n, extra));
    }
    let uses_b = match op {
        Op::Ew(_) => v.ew().is_some_and(EwFn::uses_b),
        Op::Ga(_) | Op::Sc(_) => true,
        Op::Scan(_) => v.acc,
        _ => false,
    };
    if uses_b && v.b.mem != Mem::Imm {
        out.push(operand(Field::B, Kind::Read, &v.b, n, None));
    }
    if matches!(op, Op::Lut(_)) {
        let len = if v.a.dt.size() == 1 { 256 } else { 1026 };
        let pieces = vec![(i64::from(v.lut) * 2048, len)];
        out.push(Access { field: Field::Lut, mem: Mem::Lut, kind: Kind::Read, pieces });
    }
    vector_records(op, v, n, &mut out);
    let mut counts = n;
    match op {
        Op::Red(_) => counts[usize::from(v.axis.min(3))] = 1,
        Op::Sort(_) => counts[0] = i64::from(v.form.imm0()),
        _ => {}
    }
    let update = match v.func {
        VxFn::Ew(f) => f.reads_d(),
        VxFn::Red(_) => v.acc,
        VxFn::Sc(_) => true,
        VxFn::None | VxFn::Scan(_) | VxFn::Sort(_) => false,
    };
    let extra = matches!(op, Op::Sc(_)).then(|| index(v.d.dt.size()));
    out.push(operand(Field::D, if update { Kind::Update } else { Kind::Write }, &v.d, counts, extra));
    out
}

fn vector_records(op: &Op, v: &Vx, n: [i64; 4], out: &mut Vec<Access>) {
    let Form::Prm { aprm, bprm, dprm, .. } = v.form else { return };
    let requant = matches!(op, Op::Rq(_));
    let len = if requant && matches!(v.rq, RqMode::Single | RqMode::Double) { 9 } else { 8 };
    let channels: Vec<(i64, i64)> = match v.chan {
        isa::Chan::None => vec![],
        isa::Chan::I0 => vec![(n[0], 16)],
        isa::Chan::I1 => vec![(n[1], 16)],
        isa::Chan::I2 => vec![(n[2], 16)],
        isa::Chan::I3 => vec![(n[3], 16)],
        isa::Chan::I0I1 => vec![(n[0], 16), (n[1], 256)],
        isa::Chan::I0I2 => vec![(n[0], 16), (n[2], 256)],
        isa::Chan::I0I3 => vec![(n[0], 16), (n[3], 256)],
    };
    for (which, rec, advances) in [(0, aprm, v.chm_a), (1, bprm, false), (2, dprm, v.chm_d || requant)] {
        let loops = if advances { channels.as_slice() } else { &[] };
        let len = if which == 2 { len } else { 8 };
        out.extend(rec.map(|r| records(which, i64::from(r) * 16 + 4, len, loops)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isa::{Instr, Limits};

    #[test]
    fn boxes_merge_and_reverse() {
        assert_eq!(boxes(10, 4, &[(3, 4), (2, 100)]), [(10, 12), (110, 12)]);
        assert_eq!(boxes(10, 4, &[(3, -4)]), [(2, 12)]);
        assert_eq!(boxes(10, 4, &[(3, 0), (2, 8)]), [(10, 4), (18, 4)]);
    }

    /// The same bytes as the access sets of the instruction set, which somebody else wrote, on random instructions.
    #[test]
    fn bytes_agree_with_access_sets() {
        let config = isa::NpuConfig::named("tiny-fuzz").unwrap();
        let limits = Limits::new(&config, &[1 << 16; 4]);
        let mut compared = 0;
        for seed in 0..4000 {
            let instr: Instr = isa::random::random_instr(&config, &limits, seed);
            let Ok(sets) = isa::access_sets(&instr, &limits) else { continue };
            if matches!(instr.op, Op::Poison(_)) {
                continue;
            }
            let mine = accesses(&instr.op);
            for (write, runs) in [(false, sets.all_reads().collect::<Vec<_>>()), (true, sets.writes.iter().collect())] {
                let mut want: Vec<(u8, i64)> = runs.iter().flat_map(|r| bytes_of_run(r)).collect();
                let mut have: Vec<(u8, i64)> = mine
                    .iter()
                    .filter(|a| if write { a.kind.writes() } else { a.kind.reads() })
                    .flat_map(|a| {
                        let space = space(a.mem, &instr.op);
                        a.pieces.iter().flat_map(move |&(s, l)| (s..s + l).map(move |b| (space, b)))
                    })
                    .collect();
                for list in [&mut want, &mut have] {
                    list.sort_unstable();
                    list.dedup();
                }
                assert_eq!(have, want, "seed {seed}: {instr:?}");
            }
            compared += 1;
        }
        assert!(compared > 1000, "{compared}");
    }

    fn space(mem: Mem, op: &Op) -> u8 {
        let region = match op {
            Op::Ld(d) | Op::St(d) => d.region.code(),
            Op::Ldx(d) | Op::Stx(d) => d.region.code(),
            _ => 0,
        };
        if mem == Mem::Dram { 4 + region } else { mem.code() }
    }

    fn bytes_of_run(r: &isa::Run) -> Vec<(u8, i64)> {
        let mut starts = vec![r.start as i64];
        for d in &r.dims {
            starts = (0..d.count as i64)
                .flat_map(|i| starts.iter().map(move |s| s + i * d.stride as i64).collect::<Vec<_>>())
                .collect();
        }
        let space = r.space.index() as u8;
        starts.into_iter().flat_map(|s| (s..s + r.len as i64).map(move |b| (space, b))).collect()
    }
}
