//! QuantizeLinear and DequantizeLinear, per tensor or per axis: one `mov` of form PRM (NPU.md 3.3).

use super::elementwise::{params, step};
use super::{Lower, Result_};
use ir::{Node, NodeId, Op};
use isa::{DType, EwFn};
use lir::fused::PrmRecord;

impl<'a> Lower<'a, '_> {
    pub(super) fn quantize(&mut self, id: NodeId, node: &'a Node) -> Result_<()> {
        let (x, y) = (self.input(id, 0)?, node.outputs[0]);
        let dims = self.dims(x).to_vec();
        if node.attrs.int("block_size").unwrap_or(0) != 0 {
            return Err(self.unsupported(id, "blocked quantisation"));
        }
        let scale = self.input(id, 1)?;
        let per_axis = self.g.ty(scale).elements() != 1;
        let axis = node.attrs.int("axis").unwrap_or(1);
        let axis = if axis < 0 { axis + dims.len() as i64 } else { axis };
        let axis = usize::try_from(axis).ok().filter(|a| *a < dims.len());
        let axis = match (per_axis, axis) {
            (false, _) => None,
            (true, Some(a)) => Some(a),
            (true, None) => return Err(self.invalid(id, "the axis is out of range")),
        };
        let n = axis.map_or(1, |a| dims[a]);
        let (scales, zps) = (self.scales(id, 1, n)?, self.zero_points(id, 2, n)?);
        let (from, to) = (self.dtype(id, x)?, self.dtype(id, y)?);
        let quantized = if node.op == Op::QuantizeLinear { to } else { from };
        if quantized.bits() > 16 && !(node.op == Op::DequantizeLinear && quantized == DType::S32) {
            return Err(self.unsupported(id, format!("quantised type {quantized}")));
        }
        let records: Vec<PrmRecord> = (0..n)
            .map(|i| PrmRecord {
                mult: scales[if scales.len() == 1 { 0 } else { i }].to_bits(),
                zp: zps[if zps.len() == 1 { 0 } else { i }],
                ..PrmRecord::default()
            })
            .collect();
        let mut s = self.space(node, y);
        let a = self.operand(id, &mut s, x)?;
        let mut mov = step(EwFn::Mov, a, None, to);
        if node.op == Op::QuantizeLinear {
            // An integer source is read as x·1.
            let unit = PrmRecord { mult: 1f32.to_bits(), ..PrmRecord::default() };
            mov.params = [(!from.is_float()).then(|| params(vec![unit])), None, Some(params(records))];
        } else {
            mov.params = [Some(params(records)), None, None];
        }
        self.finish_elementwise(vec![id], s, vec![mov], y, axis)
    }
}
