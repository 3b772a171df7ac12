//! Tiles of elementwise groups: boxes of the loop space, one buffer for each view and each step.

use super::{Tiler, load, spm_bytes, view};
use crate::loops::{LocalBox, box_elems, dense, for_tiles, grid_of, grow, local_box, start};
use isa::DType;
use kit::CompileError;
use lir::fused::{Elementwise, Src, Step, StepFn};
use lir::tile::{BufId, BufView, DramView, Operand, PrmView, TileOp};

/// The loops' names in the grid.
const NAMES: [&str; 8] = ["i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7"];

pub(crate) fn loop_name(i: usize) -> &'static str {
    NAMES.get(i).copied().unwrap_or("i")
}

/// A view's tile of one step of the walk.
struct Operands<'a> {
    e: &'a Elementwise,
    types: Vec<DType>,
    views: Vec<BufId>,
    steps: Vec<BufId>,
    prm: Vec<[Option<BufId>; 3]>,
}

impl Tiler<'_> {
    /// The buffer that a step writes: its old destination's, if it has one.
    fn owner(e: &Elementwise, i: usize) -> usize {
        let mut i = i;
        while let Some(old) = e.steps[i].old {
            i = old;
        }
        i
    }

    pub(super) fn elementwise(&mut self, e: &Elementwise) -> Result<(), CompileError> {
        let types: Vec<DType> = e.views.iter().map(|v| self.dtype(self.group.inputs[v.input])).collect();
        let bytes = |ext: &[usize]| {
            let views: usize = e.views.iter().zip(&types).map(|(v, t)| spm_bytes(box_elems(ext, &v.strides), *t)).sum();
            let n: usize = ext.iter().product();
            let steps = e.steps.iter().filter(|s| s.old.is_none()).map(|s| spm_bytes(n, s.dtype));
            views + steps.sum::<usize>()
        };
        let records = |ext: &[usize]| -> usize {
            let tables = e.steps.iter().flat_map(|s| s.params.iter().flatten());
            tables.map(|p| p.axis.map_or(1, |a| ext[a])).sum()
        };
        let (cap, prm_cap) = (self.capacity(), self.config.prm_records as usize);
        let one = vec![1; e.space.len()];
        let ext = grow(&e.space, one.clone(), (0..e.space.len()).rev(), |x| bytes(x) <= cap && records(x) <= prm_cap)
            .ok_or_else(|| self.does_not_fit("scratchpad bytes", bytes(&one), cap))?;
        let n: usize = ext.iter().product();
        let views: Vec<BufId> =
            e.views.iter().zip(&types).map(|(v, t)| self.spm(box_elems(&ext, &v.strides), *t, "operand")).collect();
        let mut steps: Vec<BufId> = Vec::new();
        for (i, s) in e.steps.iter().enumerate() {
            let b = match s.old {
                Some(_) => steps[Self::owner(e, i)],
                None => self.spm(n, s.dtype, "result"),
            };
            steps.push(b);
        }
        let prm = e
            .steps
            .iter()
            .map(|s| {
                std::array::from_fn(|k| {
                    s.params[k].as_ref().map(|p| self.prm(p.axis.map_or(1, |a| ext[a]), "parameters"))
                })
            })
            .collect();
        let o = Operands { e, types, views, steps, prm };
        self.grid = grid_of(&e.space, &ext).iter().enumerate().map(|(i, n)| (loop_name(i), *n)).collect();
        let out_strides = dense(&e.space);
        let mut loaded = Loaded { views: vec![None; e.views.len()], params: vec![[None; 3]; e.steps.len()] };
        for_tiles(&e.space, &ext, |at, size, coords| {
            let ops = self.elementwise_tile(&o, at, size, &out_strides, &mut loaded);
            self.push(coords, ops);
            Ok(())
        })
    }

    fn elementwise_tile(
        &self,
        o: &Operands<'_>,
        at: &[usize],
        size: &[usize],
        out_strides: &[isize],
        loaded: &mut Loaded,
    ) -> Vec<TileOp> {
        let mut ops = Vec::new();
        let locals: Vec<LocalBox> = o.e.views.iter().map(|v| local_box(size, &v.strides)).collect();
        for (i, v) in o.e.views.iter().enumerate() {
            let offset = start(v.offset, &v.strides, at);
            let elems = box_elems(size, &v.strides);
            if loaded.views[i] != Some((offset, elems)) {
                loaded.views[i] = Some((offset, elems));
                let tensor = self.group.inputs[v.input];
                ops.push(load(size, tensor, offset, &v.strides, o.views[i], o.types[i], &locals[i], false));
            }
        }
        for (i, s) in o.e.steps.iter().enumerate() {
            for k in 0..3 {
                let (Some(p), Some(buf)) = (&s.params[k], o.prm[i][k]) else { continue };
                let (first, count) = p.axis.map_or((0, 1), |a| (at[a], size[a]));
                if loaded.params[i][k] != Some((first, count)) {
                    loaded.params[i][k] = Some((first, count));
                    ops.push(TileOp::LoadParams { buf, records: p.records[first..first + count].to_vec() });
                }
            }
            ops.push(step_op(o, &locals, size, i, s));
        }
        let last = o.e.steps.len() - 1;
        let src = result(o, size, last);
        let offset = start(0, out_strides, at);
        let dst = DramView { tensor: self.group.output, offset, strides: out_strides.to_vec() };
        ops.push(TileOp::Store { n: size.to_vec(), src, dst });
        ops
    }
}

/// What the buffers hold: start and number of elements of each view, first record and number of each table.
struct Loaded {
    views: Vec<Option<(usize, usize)>>,
    params: Vec<[Option<(usize, usize)>; 3]>,
}

fn result(o: &Operands<'_>, size: &[usize], i: usize) -> BufView {
    BufView { buf: o.steps[i], dtype: o.e.steps[i].dtype, offset: 0, strides: dense(size) }
}

fn step_op(o: &Operands<'_>, locals: &[LocalBox], size: &[usize], i: usize, s: &Step) -> TileOp {
    let operand = |src: Src| match src {
        Src::View(v) => Operand::View(view(o.views[v], o.types[v], &locals[v])),
        Src::Step(k) => Operand::View(result(o, size, k)),
        Src::Imm(x) => Operand::Imm(x),
    };
    let a = match operand(s.a) {
        Operand::View(v) => v,
        Operand::Imm(_) => unreachable!("lowering puts immediates second"),
    };
    let d = result(o, size, i);
    match s.f {
        StepFn::Cvt { rm } => TileOp::Cvt { n: size.to_vec(), a, d, rm, saturate: s.saturate },
        StepFn::Ew(f) => TileOp::Ew {
            f,
            n: size.to_vec(),
            a,
            b: s.b.map(operand),
            d,
            prm: std::array::from_fn(|k| {
                let axis = s.params[k].as_ref()?.axis;
                Some(PrmView { buf: o.prm[i][k]?, first: 0, axis })
            }),
            imm1: s.imm1,
            saturate: s.saturate,
            relu: false,
        },
    }
}
