//! Verifier of F.
//!
//! *Proves*: tensors are defined where they say (`tensor-def`), outputs are row-major, different, and written by groups
//! (`output-layout`); groups come after what they read (`def-before-use`); operands have the number and types that the
//! kernel needs (`operand-count`, `operand-type`); every access lies in its tensor (`view-bounds`), record and step numbers
//! exist (`reference`); every output element is written exactly once (`written-once`, by enumeration); packed weights are
//! the constant of the graph, lane by lane, with zeros elsewhere (`packed-weights`).
//!
//! *Assumes*: the graph is the one that F was made from. Sources of convolutions are `[n][c][spatial…]`, all others
//! `[…][k][n]`.
//!
//! *Cannot see*: whether the kernels compute what the nodes mean (the group interpreter against the reference), and packed
//! weights of operators whose kernel is not one constant in that order.

use crate::fused::{
    FTensor, Fused, Group, GroupId, GroupKind, Layout, Matrix, Src, StepFn, TensorDef, TensorId, Weights,
};
use crate::report::Report;
use isa::DType;
use kit::Violation;

/// All broken rules, at most 100. `graph` is G', for the packed weights.
pub fn verify_fused(f: &Fused, graph: &ir::Graph) -> Vec<Violation> {
    let mut report = Report::default();
    for (id, t) in f.tensors.iter() {
        check_tensor(f, id, t, &mut report);
    }
    check_outputs(f, &mut report);
    for (id, g) in f.groups.iter() {
        check_order(f, id, g, &mut report);
        if operands_exist(f, g) {
            Checker { f, id, g, out: &f.tensors[g.output], report: &mut report }.run(graph);
        }
    }
    report.finish()
}

fn operands_exist(f: &Fused, g: &Group) -> bool {
    f.tensors.get(g.output).is_some() && g.inputs.iter().all(|t| f.tensors.get(*t).is_some())
}

fn check_tensor(f: &Fused, id: TensorId, t: &FTensor, report: &mut Report) {
    match &t.def {
        TensorDef::Input(i) => {
            if f.inputs.get(*i as usize).map(|(_, t)| *t) != Some(id) {
                report.push("tensor-def", id, format!("is not input {i}"));
            }
            if t.layout != Layout::RowMajor {
                report.push("tensor-def", id, "an input that is not row-major");
            }
        }
        TensorDef::Const(c) => {
            if c.bytes.len() != t.bytes() {
                report.push("tensor-def", id, format!("needs {} bytes, the constant has {}", t.bytes(), c.bytes.len()));
            }
        }
        TensorDef::Group(g) => {
            if f.groups.get(*g).map(|g| g.output) != Some(id) {
                report.push("tensor-def", id, format!("is not what {g} writes"));
            }
        }
    }
    if t.layout == Layout::ChannelsLast && t.dims.len() < 2 {
        report.push("tensor-def", id, "channels-last without channels");
    }
}

fn check_outputs(f: &Fused, report: &mut Report) {
    for (i, (name, id)) in f.outputs.iter().enumerate() {
        let Some(t) = f.tensors.get(*id) else {
            report.push("output-layout", id, format!("output `{name}` does not exist"));
            continue;
        };
        if t.layout != Layout::RowMajor || !matches!(t.def, TensorDef::Group(_)) {
            report.push("output-layout", id, format!("output `{name}` is {:?}, {:?}", t.layout, t.def));
        }
        if f.outputs[..i].iter().any(|(_, other)| other == id) {
            report.push("output-layout", id, format!("output `{name}` is another output too"));
        }
    }
}

fn check_order(f: &Fused, id: GroupId, g: &Group, report: &mut Report) {
    for t in g.inputs.iter().chain([&g.output]) {
        if f.tensors.get(*t).is_none() {
            report.push("reference", id, format!("there is no {t}"));
        }
    }
    if f.tensors.get(g.output).is_some_and(|t| t.def != TensorDef::Group(id)) {
        report.push("tensor-def", id, format!("writes {}, which is defined elsewhere", g.output));
    }
    for t in &g.inputs {
        if let Some(TensorDef::Group(other)) = f.tensors.get(*t).map(|t| &t.def)
            && *other >= id
        {
            report.push("def-before-use", id, format!("reads {t} of {other}"));
        }
    }
}

/// Marks elements and notices the second mark.
struct Marks {
    seen: Vec<bool>,
    twice: Option<usize>,
    outside: Option<i128>,
}

impl Marks {
    fn new(n: usize) -> Self {
        Marks { seen: vec![false; n], twice: None, outside: None }
    }
    fn mark(&mut self, at: i128) {
        match usize::try_from(at).ok().filter(|i| *i < self.seen.len()) {
            None => self.outside = Some(at),
            Some(i) if self.seen[i] => self.twice = Some(i),
            Some(i) => self.seen[i] = true,
        }
    }
    /// Marks a strided box.
    fn mark_box(&mut self, n: &[usize], offset: usize, strides: &[isize]) {
        match (n.split_first(), strides.split_first()) {
            (Some((&n, rest)), Some((&s, strides))) => {
                for i in 0..n {
                    let at = offset as i128 + i as i128 * s as i128;
                    match usize::try_from(at) {
                        Ok(at) => self.mark_box(rest, at, strides),
                        Err(_) => self.outside = Some(at),
                    }
                }
            }
            _ => self.mark(offset as i128),
        }
    }
}

/// Lowest and highest element of a box; `None` if it is empty.
fn reach(n: &[usize], offset: usize, strides: &[isize]) -> Option<(i128, i128)> {
    if n.contains(&0) {
        return None;
    }
    let (mut low, mut high) = (offset as i128, offset as i128);
    for (&n, &s) in n.iter().zip(strides) {
        let r = (n as i128 - 1) * s as i128;
        if r < 0 { low += r } else { high += r }
    }
    Some((low, high))
}

struct Checker<'a> {
    f: &'a Fused,
    id: GroupId,
    g: &'a Group,
    out: &'a FTensor,
    report: &'a mut Report,
}

impl Checker<'_> {
    fn fail(&mut self, rule: &'static str, detail: impl Into<String>) {
        self.report.push(rule, self.id, detail);
    }

    fn input(&self, i: usize) -> Option<&FTensor> {
        self.g.inputs.get(i).map(|t| &self.f.tensors[*t])
    }

    fn run(&mut self, graph: &ir::Graph) {
        match &self.g.kind {
            GroupKind::Matrix(m) => self.matrix(m, graph),
            GroupKind::Pool(p) => {
                self.count(1);
                if p.f.is_arg() {
                    self.index_type();
                } else {
                    self.same_type(0);
                }
                self.size(0, p.batch * p.c * p.ih * p.iw);
                self.covers(p.batch * p.c * p.oh * p.ow);
            }
            GroupKind::Elementwise(e) => {
                self.covers(e.space.iter().product());
                for v in &e.views {
                    self.view(&e.space, v);
                }
                self.steps(e);
            }
            GroupKind::Reduce(r) => {
                self.count(1);
                if r.f.is_arg() {
                    self.index_type();
                } else {
                    self.same_type(0);
                }
                let space: Vec<usize> = r.kept.iter().chain(&r.reduced).copied().collect();
                self.view(&space, &r.view);
                self.covers(r.kept.iter().product());
                if r.reduced.is_empty() || r.reduced.contains(&0) {
                    self.fail("view-bounds", "a reduction over no element");
                }
            }
            GroupKind::Move(m) => {
                let mut marks = Marks::new(self.out.elements());
                for c in &m.copies {
                    self.view(&c.n, &c.src);
                    if self.input(c.src.input).is_some_and(|t| t.dtype.size() != self.out.dtype.size()) {
                        self.fail("operand-type", "a copy between element sizes");
                    }
                    marks.mark_box(&c.n, c.offset, &c.strides);
                }
                for f in &m.fills {
                    marks.mark_box(&f.n, f.offset, &f.strides);
                }
                self.marked(&marks);
            }
            GroupKind::Gather(g) => {
                self.count(2);
                self.same_type(0);
                self.size(0, g.outer * g.len * g.inner);
                self.size(1, g.indices);
                self.covers(g.outer * g.indices * g.inner);
                if self.input(1).is_some_and(|t| !matches!(t.dtype, DType::S32 | DType::S64)) {
                    self.fail("operand-type", "indices are s32 or s64");
                }
            }
        }
    }

    fn count(&mut self, n: usize) {
        if self.g.inputs.len() != n {
            self.fail("operand-count", format!("{} operands, expected {n}", self.g.inputs.len()));
        }
    }

    fn same_type(&mut self, i: usize) {
        if let Some(t) = self.input(i).map(|t| t.dtype)
            && t != self.out.dtype
        {
            self.fail("operand-type", format!("operand {i} is {t}, the output {}", self.out.dtype));
        }
    }

    fn index_type(&mut self) {
        if !matches!(self.out.dtype, DType::S32 | DType::S64) {
            self.fail("operand-type", format!("an index of type {}", self.out.dtype));
        }
    }

    fn size(&mut self, i: usize, elements: usize) {
        if let Some(have) = self.input(i).map(FTensor::elements)
            && have != elements
        {
            self.fail("view-bounds", format!("operand {i} has {have} elements, {elements} are read"));
        }
    }

    /// Kernels whose outputs are dense in loop order write each element once iff the counts agree.
    fn covers(&mut self, elements: usize) {
        if elements != self.out.elements() {
            self.fail("written-once", format!("writes {elements} of {} elements", self.out.elements()));
        }
    }

    fn marked(&mut self, marks: &Marks) {
        if let Some(at) = marks.outside {
            self.fail("view-bounds", format!("writes element {at} of {}", marks.seen.len()));
        }
        if let Some(at) = marks.twice {
            self.fail("written-once", format!("element {at} is written twice"));
        }
        if let Some(at) = marks.seen.iter().position(|s| !s) {
            self.fail("written-once", format!("element {at} is not written"));
        }
    }

    fn view(&mut self, n: &[usize], v: &crate::fused::View) {
        let Some(elements) = self.input(v.input).map(FTensor::elements) else {
            self.fail("operand-count", format!("there is no operand {}", v.input));
            return;
        };
        if v.strides.len() != n.len() {
            self.fail("view-bounds", format!("{} strides for {} loops", v.strides.len(), n.len()));
            return;
        }
        if let Some((low, high)) = reach(n, v.offset, &v.strides)
            && (low < 0 || high >= elements as i128)
        {
            self.fail("view-bounds", format!("elements {low}..={high} of operand {}, which has {elements}", v.input));
        }
    }

    fn steps(&mut self, e: &crate::fused::Elementwise) {
        let view_type = |i: usize| e.views.get(i).and_then(|v| self.input(v.input)).map(|t| t.dtype);
        let types: Vec<Option<DType>> = (0..e.views.len()).map(view_type).collect();
        if e.steps.last().map(|s| s.dtype) != Some(self.out.dtype) {
            self.fail("operand-type", "the last step's type is not the output's");
        }
        for (i, s) in e.steps.iter().enumerate() {
            for operand in [Some(s.a), s.b].into_iter().flatten() {
                match operand {
                    Src::View(v) if v >= e.views.len() => self.fail("reference", format!("step {i} reads view {v}")),
                    Src::Step(k) if k >= i => self.fail("reference", format!("step {i} reads step {k}")),
                    Src::View(_) | Src::Step(_) | Src::Imm(_) => {}
                }
            }
            let StepFn::Ew(f) = s.f else { continue };
            if f.uses_b() && s.b.is_none() {
                self.fail("operand-count", format!("step {i} ({f}) lacks its second operand"));
            }
            if f.is_test() != s.dtype.is_bool() && !f.is_logic() && !matches!(f, isa::EwFn::Mov | isa::EwFn::Cmov) {
                self.fail("operand-type", format!("step {i} ({f}) writes {}", s.dtype));
            }
            match s.old {
                Some(old) if old >= i => self.fail("reference", format!("step {i} updates step {old}")),
                Some(old) if e.steps[old].dtype != s.dtype => {
                    self.fail("operand-type", format!("step {i} updates a {}", e.steps[old].dtype));
                }
                None if f.reads_d() => self.fail("reference", format!("step {i} ({f}) updates nothing")),
                Some(_) | None => {}
            }
            if f == isa::EwFn::Cmov {
                let mask = match s.b {
                    Some(Src::View(v)) => types.get(v).copied().flatten(),
                    Some(Src::Step(k)) => e.steps.get(k).map(|s| s.dtype),
                    Some(Src::Imm(_)) | None => None,
                };
                if mask != Some(DType::Bool) {
                    self.fail("operand-type", format!("step {i} moves where a {mask:?} holds"));
                }
            }
            for p in s.params.iter().flatten() {
                let need = match p.axis {
                    None => 1,
                    Some(a) => e.space.get(a).copied().unwrap_or(usize::MAX),
                };
                if p.records.len() < need {
                    self.fail("reference", format!("step {i} has {} records of {need}", p.records.len()));
                }
            }
        }
    }

    fn matrix(&mut self, m: &Matrix, graph: &ir::Graph) {
        self.count(2);
        let (Some(x), Some(w)) = (self.input(0), self.input(1)) else { return };
        let (xe, we, xt, wt) = (x.elements(), w.elements(), x.dtype, w.dtype);
        if xt != m.mx.activation() || wt != m.mx.weight() {
            self.fail("operand-type", format!("{xt} x {wt} for {}", m.mx));
            return;
        }
        if [m.ih, m.iw, m.c, m.oh, m.ow, m.n, m.kh, m.kw].contains(&0) || (m.depthwise && m.c != m.n) {
            self.fail("view-bounds", "an extent is 0, or a depthwise kernel with c ≠ n");
            return;
        }
        let size = m.mx.size() as usize;
        let mut marks = Marks::new(self.out.elements());
        for p in &m.problems {
            let last_x = p.a + (m.ih - 1) * m.a_sy + (m.iw - 1) * m.a_sx + m.c - 1;
            if last_x >= xe {
                self.fail("view-bounds", format!("reads element {last_x} of the activation's {xe}"));
            }
            let last_w = match m.weights {
                Weights::Packed { .. } => p.w / size + PackedShape::of(m).elements() - 1,
                Weights::Runtime { k_stride, n_stride } => p.w + (m.c - 1) * k_stride + (m.n - 1) * n_stride,
            };
            if last_w >= we {
                self.fail("view-bounds", format!("reads element {last_w} of the weights' {we}"));
            }
            let needs = m.bias || m.zw_per_channel || m.drain == crate::fused::Drain::RequantF32;
            if needs && m.params.as_ref().map_or(0, Vec::len) < p.prm + m.n {
                self.fail("reference", format!("records up to {} are missing", p.prm + m.n));
            }
            marks.mark_box(&[m.oh, m.ow, m.n], p.d, &[m.d_sy as isize, m.d_sx as isize, 1]);
        }
        self.marked(&marks);
        if let Weights::Packed { source } = m.weights {
            self.packed(m, source, graph);
        }
    }

    fn packed(&mut self, m: &Matrix, source: ir::ValueId, graph: &ir::Graph) {
        let def = &self.input(1).expect("counted").def;
        if let TensorDef::Group(g) = def
            && matches!(self.f.groups.get(*g).map(|g| &g.kind), Some(GroupKind::Move(_)))
        {
            return; // computed and packed at run time: there are no bytes to unpack here
        }
        let TensorDef::Const(packed) = def else {
            self.fail("packed-weights", "packed weights are neither a constant nor written by a move");
            return;
        };
        let packed = packed.bytes.clone();
        let Some(want) = graph.values.get(source).and_then(|_| graph.constant(source)) else {
            self.fail("packed-weights", format!("{source} is not a constant of the graph"));
            return;
        };
        let size = m.mx.size() as usize;
        if want.dtype.size() != size {
            return; // a wide constant: rounded elsewhere
        }
        let convolution = self.g.nodes.iter().any(|n| {
            let op = graph.nodes.get(*n).map(|n| n.op);
            matches!(op, Some(ir::Op::Conv | ir::Op::QLinearConv | ir::Op::ConvInteger))
        });
        let shape = PackedShape::of(m);
        let mut starts: Vec<usize> = m.problems.iter().map(|p| p.w).collect();
        starts.sort_unstable();
        starts.dedup();
        let channels = if m.depthwise { 1 } else { m.c };
        let taps = m.kh * m.kw;
        for (rank, start) in starts.into_iter().enumerate() {
            let mut lanes = vec![false; shape.elements()];
            for n in 0..m.n {
                for c in 0..channels {
                    for tap in 0..taps {
                        let i = if convolution {
                            ((rank * m.n + n) * channels + c) * taps + tap
                        } else {
                            (rank * m.c + c) * m.n + n
                        };
                        let at = shape.index(n, c, tap / m.kw, tap % m.kw);
                        lanes[at] = true;
                        let have = packed.get(start + at * size..start + (at + 1) * size);
                        if have.is_none() || have != want.bytes.get(i * size..(i + 1) * size) {
                            let detail =
                                format!("(n {n}, c {c}, tap {tap}) of {source} is not element {at} from byte {start}");
                            self.fail("packed-weights", detail);
                            return;
                        }
                    }
                }
            }
            for (at, _) in lanes.iter().enumerate().filter(|(_, used)| !**used) {
                let bytes = packed.get(start + at * size..start + (at + 1) * size);
                if bytes.is_none_or(|b| b.iter().any(|b| *b != 0)) {
                    self.fail(
                        "packed-weights",
                        format!("element {at} from byte {start} is outside the source and not 0"),
                    );
                    return;
                }
            }
        }
    }
}

/// Where a weight lies in the packed block of one problem (NPU.md 4.3).
struct PackedShape {
    n: usize,
    kh: usize,
    kw: usize,
    c: usize,
    depthwise: bool,
    kpack: bool,
}

impl PackedShape {
    fn of(m: &Matrix) -> Self {
        PackedShape { n: m.n, kh: m.kh, kw: m.kw, c: m.c, depthwise: m.depthwise, kpack: m.kpack }
    }
    /// Groups of 16 lanes for one row of taps.
    fn row_groups(&self) -> usize {
        if self.kpack { (self.kw * self.c).div_ceil(16) } else { self.kw * self.c.div_ceil(16) }
    }
    /// Elements of the block.
    fn elements(&self) -> usize {
        let one = if self.depthwise { self.kh * self.kw * 16 } else { self.kh * self.row_groups() * 256 };
        self.n.div_ceil(16) * one
    }
    /// Element of weight (n, c, ky, kx).
    fn index(&self, n: usize, c: usize, ky: usize, kx: usize) -> usize {
        let (group, lane) = (n / 16, n % 16);
        if self.depthwise {
            return ((group * self.kh + ky) * self.kw + kx) * 16 + lane;
        }
        let (step, k) = if self.kpack {
            let q = kx * self.c + c;
            (q / 16, q % 16)
        } else {
            (kx * self.c.div_ceil(16) + c / 16, c % 16)
        };
        (((group * self.kh + ky) * self.row_groups() + step) * 16 + lane) * 16 + k
    }
}
