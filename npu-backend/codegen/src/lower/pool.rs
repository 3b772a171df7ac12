//! MaxPool and AveragePool over channels-last images.

use super::{Lower, Result_};
use ir::{Node, NodeId, Op};
use isa::PoolFn;
use lir::fused::{GroupKind, Layout, Pool};

impl<'a> Lower<'a, '_> {
    pub(super) fn pool(&mut self, id: NodeId, node: &'a Node) -> Result_<()> {
        let (x, y) = (self.input(id, 0)?, node.outputs[0]);
        if node.outputs.len() > 1 {
            return Err(self.unsupported(id, "the second output (indices)"));
        }
        let kernel: Vec<usize> = node
            .attrs
            .ints("kernel_shape")
            .unwrap_or_default()
            .iter()
            .map(|&k| usize::try_from(k).unwrap_or(0))
            .collect();
        if kernel.contains(&0) {
            return Err(self.invalid(id, "kernel_shape is not positive"));
        }
        let w = self.window(id, node, x, y, &kernel)?;
        let dims = self.dims(x).to_vec();
        let f = match (node.op, node.attrs.flag("count_include_pad")) {
            (Op::MaxPool, _) => PoolFn::Max,
            (_, false) => PoolFn::Avg,
            (_, true) => PoolFn::AvgPad,
        };
        let dtype = self.dtype(id, x)?;
        if f != PoolFn::Max && !dtype.is_float() {
            return Err(self.unsupported(id, format!("an average of {dtype}")));
        }
        if w.kh > 256 || w.kw > 256 || w.sy > 64 || w.sx > 64 || w.dy > 64 || w.dx > 64 {
            return Err(self.unsupported(id, "kernel beyond 256, stride or dilation beyond 64"));
        }
        if w.pad_top.max(w.pad_left) > 512 || (f == PoolFn::AvgPad && w.pad_bottom.max(w.pad_right) > 255) {
            return Err(self.unsupported(id, "padding beyond 512, or beyond 255 where it is counted"));
        }
        let inside = |o: usize, s: usize, k: usize, d: usize, pad: usize, n: usize| {
            (0..k).any(|t| (pad..pad + n).contains(&(o * s + t * d)))
        };
        let rows = (0..w.oh).all(|o| inside(o, w.sy, w.kh, w.dy, w.pad_top, w.ih));
        let cols = (0..w.ow).all(|o| inside(o, w.sx, w.kw, w.dx, w.pad_left, w.iw));
        if !rows || !cols {
            return Err(self.unsupported(id, "a window lies entirely in the padding"));
        }
        let a = self.want(id, x, Layout::ChannelsLast)?;
        let pool = Pool {
            f,
            batch: dims[0],
            c: dims[1],
            ih: w.ih,
            iw: w.iw,
            oh: w.oh,
            ow: w.ow,
            kh: w.kh,
            kw: w.kw,
            sy: w.sy,
            sx: w.sx,
            dy: w.dy,
            dx: w.dx,
            iy0: -w.pad_top.cast_signed(),
            ix0: -w.pad_left.cast_signed(),
            pad_bottom: w.pad_bottom,
            pad_right: w.pad_right,
        };
        let out = self.out(id, y, Layout::ChannelsLast)?;
        let name = self.name(id);
        self.push(GroupKind::Pool(pool), vec![a], out, vec![id], name);
        Ok(())
    }
}
