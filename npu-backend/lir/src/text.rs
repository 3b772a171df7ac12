//! Readable text of F, T, S and A: one line for each entity, the same bytes for the same value.
//!
//! For people (`--emit groups|tiles|schedule|asm`) and for diffs between two compilations; there is no parser.

use crate::fused::{Drain, Fused, Group, GroupKind, Layout, Matrix, Src, Step, StepFn, TensorDef, View, Weights};
use crate::placed::Placed;
use crate::stream::{DramPlace, Places, Stream};
use crate::tile::{BufView, DramView, Operand, PrmView, TileMx, TileOp, TileProgram};
use isa::disasm::print_instr;
use std::fmt::Write;

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    let mut out = String::from("[");
    for (i, x) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        let _ = write!(out, "{x}");
    }
    out.push(']');
    out
}

fn names<T: std::fmt::Display>(items: &[(String, T)]) -> String {
    items.iter().map(|(n, t)| format!("{n}={t}")).collect::<Vec<_>>().join(" ")
}

/// F: tensors, then groups with their steps, copies and fills.
pub fn fused(f: &Fused) -> String {
    let mut out = format!("groups {} tensors {}\n", f.groups.len(), f.tensors.len());
    let _ = writeln!(out, "in {}\nout {}", names(&f.inputs), names(&f.outputs));
    for (id, t) in f.tensors.iter() {
        let layout = match t.layout {
            Layout::RowMajor => "row-major",
            Layout::ChannelsLast => "channels-last",
            Layout::Packed => "packed",
        };
        let def = match &t.def {
            TensorDef::Input(i) => format!("input {i}"),
            TensorDef::Const(c) => format!("const {} bytes", c.bytes.len()),
            TensorDef::Group(g) => g.to_string(),
        };
        let value = t.value.map(|v| format!(" holds {v}")).unwrap_or_default();
        let _ = writeln!(out, "{id}: {}{} {layout} = {def}{value}", t.dtype, list(&t.dims));
    }
    for (id, g) in f.groups.iter() {
        group(&mut out, &id.to_string(), g);
    }
    out
}

fn group(out: &mut String, id: &str, g: &Group) {
    let _ = write!(out, "{id}: {} = ", g.output);
    let mut lines = Vec::new();
    match &g.kind {
        GroupKind::Matrix(m) => out.push_str(&matrix(m)),
        GroupKind::Pool(p) => {
            let _ = write!(
                out,
                "pool.{} {}x{}x{}x{} -> {}x{} k={}x{} s={}x{} d={}x{} at ({},{}) pad=({},{})",
                p.f,
                p.batch,
                p.ih,
                p.iw,
                p.c,
                p.oh,
                p.ow,
                p.kh,
                p.kw,
                p.sy,
                p.sx,
                p.dy,
                p.dx,
                p.iy0,
                p.ix0,
                p.pad_bottom,
                p.pad_right
            );
        }
        GroupKind::Elementwise(e) => {
            let _ = write!(out, "elementwise {}", list(&e.space));
            lines.extend(e.views.iter().enumerate().map(|(i, v)| format!("v{i} = {}", view(v))));
            lines.extend(e.steps.iter().enumerate().map(|(i, s)| format!("s{i} = {}", step(s))));
        }
        GroupKind::Reduce(r) => {
            let _ = write!(out, "reduce.{} keep {} over {} of {}", r.f, list(&r.kept), list(&r.reduced), view(&r.view));
            if let Some(d) = r.divide {
                let _ = write!(out, " / {d:?}");
            }
            if r.last {
                out.push_str(" last");
            }
        }
        GroupKind::Move(m) => {
            out.push_str("move");
            for c in &m.copies {
                lines.push(format!("copy {} {} -> {} {}", list(&c.n), view(&c.src), c.offset, list(&c.strides)));
            }
            for f in &m.fills {
                lines.push(format!("fill {} {:#x} -> {} {}", list(&f.n), f.bits, f.offset, list(&f.strides)));
            }
        }
        GroupKind::Gather(g) => {
            let _ = write!(out, "gather outer={} len={} inner={} indices={}", g.outer, g.len, g.inner, g.indices);
        }
    }
    let _ = writeln!(out, " ({}) nodes {} `{}`", list(&g.inputs), list(&g.nodes), g.name);
    for line in lines {
        let _ = writeln!(out, "  {line}");
    }
}

fn matrix(m: &Matrix) -> String {
    let kind = match (m.depthwise, m.kpack) {
        (true, _) => "depthwise",
        (false, true) => "matrix.kpack",
        (false, false) => "matrix",
    };
    let mut out = format!(
        "{kind} {} {}x{}x{} -> {}x{}x{} k={}x{} s={}x{} d={}x{} at ({},{}) problems={}",
        m.mx,
        m.ih,
        m.iw,
        m.c,
        m.oh,
        m.ow,
        m.n,
        m.kh,
        m.kw,
        m.sy,
        m.sx,
        m.dy,
        m.dx,
        m.iy0,
        m.ix0,
        m.problems.len()
    );
    match m.weights {
        Weights::Packed { source } => _ = write!(out, " w=packed {source}"),
        Weights::Runtime { k_stride, n_stride } => _ = write!(out, " w=({k_stride},{n_stride})"),
    }
    if m.zx != 0 || m.zw != 0 || m.zw_per_channel {
        let _ = write!(out, " zx={} zw={}", m.zx, if m.zw_per_channel { "channel".into() } else { m.zw.to_string() });
    }
    out.push_str(match m.drain {
        Drain::Float => " drain=float",
        Drain::Int32 => " drain=s32",
        Drain::RequantF32 => " drain=rq",
    });
    for (on, word) in [(m.bias, " bias"), (m.relu, " relu")] {
        if on {
            out.push_str(word);
        }
    }
    out
}

fn view(v: &View) -> String {
    format!("in{}+{} {}", v.input, v.offset, list(&v.strides))
}

fn src(s: Src) -> String {
    match s {
        Src::View(i) => format!("v{i}"),
        Src::Step(i) => format!("s{i}"),
        Src::Imm(i) => format!("#{i:#x}"),
    }
}

fn step(s: &Step) -> String {
    let mut out = match s.f {
        StepFn::Ew(f) => format!("{f} {}", src(s.a)),
        StepFn::Cvt { rm } => format!("cvt.{rm} {}", src(s.a)),
    };
    if let Some(b) = s.b {
        let _ = write!(out, " {}", src(b));
    }
    if let Some(i) = s.imm1 {
        let _ = write!(out, " #{i:#x}");
    }
    if let Some(old) = s.old {
        let _ = write!(out, " old s{old}");
    }
    for (p, name) in s.params.iter().zip(["a", "b", "d"]) {
        if let Some(p) = p {
            let axis = p.axis.map(|a| format!(" along {a}")).unwrap_or_default();
            let _ = write!(out, " {name}:{} records{axis}", p.records.len());
        }
    }
    let _ = write!(out, " -> {}", s.dtype);
    if s.saturate {
        out.push_str(" sat");
    }
    out
}

fn buf_view(v: &BufView) -> String {
    format!("{}+{}:{} {}", v.buf, v.offset, v.dtype, list(&v.strides))
}

fn dram_view(v: &DramView) -> String {
    format!("{}+{} {}", v.tensor, v.offset, list(&v.strides))
}

fn prm_view(p: &PrmView) -> String {
    let axis = p.axis.map(|a| format!("+i{a}")).unwrap_or_default();
    format!("{}[{}{axis}]", p.buf, p.first)
}

/// T: buffers and operations of every group.
pub fn tiles(p: &TileProgram) -> String {
    let mut out = String::new();
    for g in &p.groups {
        let grid: Vec<String> = g.grid.iter().map(|(n, k)| format!("{n}={k}")).collect();
        let _ = writeln!(out, "{} grid {} tiles {}", g.group, list(&grid), g.tiles.len());
        for (id, b) in g.bufs.iter() {
            let _ = writeln!(out, "  {id}: {:?} {} bytes, {}", b.mem, b.bytes, b.role);
        }
        for (i, t) in g.tiles.iter().enumerate() {
            let _ = writeln!(out, "  tile {i} at {}", list(&t.coords));
            for op in &t.ops {
                let _ = writeln!(out, "    {}", tile_op(op));
            }
        }
    }
    out
}

fn tile_op(op: &TileOp) -> String {
    let flag = |on: bool, word: &str| if on { format!(" {word}") } else { String::new() };
    match op {
        TileOp::Load { n, src, dst, weights } => {
            let engine = if *weights { "load.w" } else { "load" };
            format!("{engine} {} {} -> {}", list(n), dram_view(src), buf_view(dst))
        }
        TileOp::Store { n, src, dst } => format!("store {} {} -> {}", list(n), buf_view(src), dram_view(dst)),
        TileOp::LoadParams { buf, records } => format!("params {} records -> {buf}", records.len()),
        TileOp::Mx(m) => tile_mx(m),
        TileOp::Ew { f, n, a, b, d, prm, imm1, saturate, relu } => {
            let mut out = format!("{f} {} {}", list(n), buf_view(a));
            match b {
                Some(Operand::View(v)) => _ = write!(out, ", {}", buf_view(v)),
                Some(Operand::Imm(i)) => _ = write!(out, ", #{i:#x}"),
                None => {}
            }
            if let Some(i) = imm1 {
                let _ = write!(out, ", #{i:#x}");
            }
            let _ = write!(out, " -> {}", buf_view(d));
            for (p, name) in prm.iter().zip(["a", "b", "d"]) {
                if let Some(p) = p {
                    let _ = write!(out, " {name}:{}", prm_view(p));
                }
            }
            out + &flag(*saturate, "sat") + &flag(*relu, "relu")
        }
        TileOp::Cvt { n, a, d, rm, saturate } => {
            format!("cvt.{rm} {} {} -> {}{}", list(n), buf_view(a), buf_view(d), flag(*saturate, "sat"))
        }
        TileOp::Requant { n, a, d, prm, relu } => {
            format!("rq {} {} -> {} {}{}", list(n), buf_view(a), buf_view(d), prm_view(prm), flag(*relu, "relu"))
        }
        TileOp::Red { f, n, a, d, accumulate, last, base } => {
            let acc = flag(*accumulate, "acc");
            format!("red.{f} {} {} -> {}{acc}{} base={base}", list(n), buf_view(a), buf_view(d), flag(*last, "last"))
        }
        TileOp::Pool(p) => format!(
            "pool.{} {} {}x{} -> {} {}x{}x{} k={}x{} s={}x{} d={}x{} at ({},{}) pad=({},{})",
            p.f,
            buf_view(&p.a),
            p.ih,
            p.iw,
            buf_view(&p.d),
            p.oh,
            p.ow,
            p.c,
            p.kh,
            p.kw,
            p.sy,
            p.sx,
            p.dy,
            p.dx,
            p.iy0,
            p.ix0,
            p.pad_bottom,
            p.pad_right
        ),
        TileOp::Fill { n, d, bits } => format!("fill {} {bits:#x} -> {}", list(n), buf_view(d)),
        TileOp::Copy { n, a, d } => format!("copy {} {} -> {}", list(n), buf_view(a), buf_view(d)),
        TileOp::Gather { n, a, idx, d, len } => {
            format!("gather {} {}[{}] of {len} -> {}", list(n), buf_view(a), buf_view(idx), buf_view(d))
        }
    }
}

fn tile_mx(m: &TileMx) -> String {
    let kind = match (m.depthwise, m.kpack) {
        (true, _) => "mx.dw",
        (false, true) => "mx.kpack",
        (false, false) => "mx",
    };
    let prm = m.prm.map(|(b, first)| format!(" prm={b}[{first}]")).unwrap_or_default();
    format!(
        "{kind} {} {} {}x{}x{} w={}+{} -> {}[{}+{}] {}x{}x{} k={}x{} s={}x{} d={}x{} at ({},{}) init={:?} zx={} zw={}{prm}",
        m.mx,
        buf_view(&m.a),
        m.ih,
        m.iw,
        m.c,
        m.w.0,
        m.w.1,
        m.acc,
        m.acc_row,
        m.acc_sn,
        m.oh,
        m.ow,
        m.n,
        m.kh,
        m.kw,
        m.sy,
        m.sx,
        m.dy,
        m.dx,
        m.iy0,
        m.ix0,
        m.init,
        m.zx,
        if m.zw_per_channel { "channel".into() } else { m.zw.to_string() }
    )
}

fn dram_place(p: DramPlace) -> String {
    match p {
        DramPlace::Tensor(t) => t.to_string(),
        DramPlace::Params(p) => p.to_string(),
    }
}

fn places(p: &Places) -> String {
    let fields = [("a", p.a), ("b", p.b), ("d", p.d), ("prm0", p.prm[0]), ("prm1", p.prm[1]), ("prm2", p.prm[2])];
    let mut out: Vec<String> = fields.iter().filter_map(|(n, b)| b.map(|b| format!("{n}={b}"))).collect();
    out.extend(p.dram.map(|d| format!("dram={}", dram_place(d))));
    out.join(" ")
}

/// S: buffers, parameter blocks and instructions with their places.
pub fn stream(s: &Stream) -> String {
    let mut out = String::new();
    for (id, b) in s.bufs.iter() {
        let _ = writeln!(out, "{id}: {:?} {} bytes, {}", b.mem, b.bytes, b.role);
    }
    for (id, p) in s.params.iter() {
        let _ = writeln!(out, "{id}: {} records", p.len());
    }
    for (id, op) in s.ops.iter() {
        let _ =
            writeln!(out, "{id}: {} [{}] {} tile {}", print_instr(&op.instr), places(&op.places), op.group, op.tile);
    }
    out
}

/// A: addresses, then the program in assembler text.
pub fn asm(a: &Placed) -> String {
    let mut out = String::new();
    for (id, b) in a.stream.bufs.iter() {
        let _ = writeln!(out, "; {id} at {:#x} in {:?}, {} bytes, {}", a.buf_addr[id], b.mem, b.bytes, b.role);
    }
    for (p, at) in &a.dram {
        let _ = writeln!(out, "; {} at R{}+{:#x}", dram_place(*p), at.region, at.offset);
    }
    for (pc, op) in a.ops.iter().enumerate() {
        let from = op.op.map(|i| format!(" ; {i}")).unwrap_or_default();
        let _ = writeln!(out, "@{pc} {}{from}", print_instr(&op.instr));
    }
    out
}
