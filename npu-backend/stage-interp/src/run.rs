//! Inputs and results of a run, alike for the three stages.

use crate::error::{Fault, StageError};
use crate::relayout::{to_ir, to_logical, to_physical};
use ir::Tensor;
use kit::{IdVec, Stage};
use lir::fused::{Fused, TensorDef, TensorId};

/// The result of a run.
#[derive(Clone, PartialEq, Debug)]
pub struct Run {
    /// Physical bytes of every input and of every tensor that a group wrote; `None` for constants, whose bytes are in F.
    pub tensors: IdVec<TensorId, Option<Vec<u8>>>,
    /// Outputs in order, logical row-major.
    pub outputs: Vec<(String, Tensor)>,
}

/// Physical bytes of the inputs; `None` for everything else.
pub(crate) fn initial(
    stage: Stage,
    f: &Fused,
    inputs: &[(String, Tensor)],
) -> Result<IdVec<TensorId, Option<Vec<u8>>>, StageError> {
    let mut tensors: IdVec<TensorId, Option<Vec<u8>>> = f.tensors.values().map(|_| None).collect();
    for (name, id) in &f.inputs {
        let t = &f.tensors[*id];
        let Some((_, x)) = inputs.iter().find(|(n, _)| n == name) else {
            return Err(StageError::whole(stage, Fault::MissingInput(name.clone())));
        };
        if x.dtype != to_ir(t.dtype) || x.dims != t.dims {
            let want = format!("{}{:?}", to_ir(t.dtype), t.dims);
            return Err(StageError::whole(stage, Fault::InputType { name: name.clone(), have: x.ty(), want }));
        }
        tensors[*id] = Some(to_physical(t, x));
    }
    Ok(tensors)
}

/// Physical bytes of a tensor, wherever they are.
pub(crate) fn bytes_of<'a>(
    f: &'a Fused,
    tensors: &'a IdVec<TensorId, Option<Vec<u8>>>,
    id: TensorId,
) -> Result<&'a [u8], Fault> {
    match (&f.tensors[id].def, &tensors[id]) {
        (TensorDef::Const(t), _) => Ok(&t.bytes),
        (TensorDef::Input(_) | TensorDef::Group(_), Some(bytes)) => Ok(bytes),
        (TensorDef::Input(_) | TensorDef::Group(_), None) => Err(Fault::NotReady(id)),
    }
}

/// Packs up the outputs.
pub(crate) fn finish(stage: Stage, f: &Fused, tensors: IdVec<TensorId, Option<Vec<u8>>>) -> Result<Run, StageError> {
    let mut outputs = Vec::with_capacity(f.outputs.len());
    for (name, id) in &f.outputs {
        let bytes = bytes_of(f, &tensors, *id).map_err(|fault| StageError::whole(stage, fault))?;
        outputs.push((name.clone(), to_logical(&f.tensors[*id], bytes)));
    }
    Ok(Run { tensors, outputs })
}
