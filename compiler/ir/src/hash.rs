//! Canonical hash of a graph: names, ids, dead code and the order of independent nodes erased. Key for duplicates and
//! the file name of a corpus entry.

use crate::graph::{Def, Graph, ValueId};

/// 128 bits of BLAKE3 over the canonical form.
pub fn canonical(g: &Graph) -> u128 {
    let mut memo = vec![None; g.values.len()];
    let mut h = blake3::Hasher::new();
    h.update(b"touchstone graph 1");
    for o in &g.outputs {
        h.update(&value(g, o.value, &mut memo));
    }
    let out = h.finalize();
    u128::from_le_bytes(out.as_bytes()[..16].try_into().expect("16 of 32 bytes"))
}

/// Hash of the computation that gives a value. Nodes are visited in order (inputs first), so recursion is not needed.
fn value(g: &Graph, v: ValueId, memo: &mut [Option<[u8; 32]>]) -> [u8; 32] {
    let mut stack = vec![v];
    while let Some(&x) = stack.last() {
        if memo[x.0 as usize].is_some() {
            stack.pop();
            continue;
        }
        let mut h = blake3::Hasher::new();
        h.update(g.ty(x).to_string().as_bytes());
        match &g.values[x].def {
            Def::Input(i) => {
                h.update(b"in").update(&i.to_le_bytes());
            }
            Def::Const(t) => {
                h.update(b"const").update(t.dtype.name().as_bytes()).update(&t.bytes);
            }
            Def::Node { node, index } => {
                let n = &g.nodes[*node];
                let pending: Vec<_> =
                    n.inputs.iter().flatten().filter(|i| memo[i.0 as usize].is_none()).copied().collect();
                if !pending.is_empty() {
                    stack.extend(pending);
                    continue;
                }
                h.update(n.op.name().as_bytes()).update(&index.to_le_bytes());
                h.update(format!("{:?}", n.attrs).as_bytes());
                for a in n.attrs.iter() {
                    if let crate::Attr::Tensor(t) = a.1 {
                        h.update(&t.bytes);
                    }
                }
                for i in &n.inputs {
                    match i {
                        Some(i) => h.update(&memo[i.0 as usize].expect("inputs were hashed first")),
                        None => h.update(b"none"),
                    };
                }
            }
        }
        memo[x.0 as usize] = Some(*h.finalize().as_bytes());
        stack.pop();
    }
    memo[v.0 as usize].expect("the loop ends when it is set")
}
