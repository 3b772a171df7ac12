//! DRAM: constants and parameter blocks in R0, intermediates in R1 by lifetime, inputs in R2, outputs in R3.

use super::alloc::first_fit;
use super::dram_addr;
use crate::schedule::record_bytes;
use kit::id::Id;
use lir::fused::{TensorDef, TensorId};
use lir::placed::DramAddr;
use lir::stream::{DramPlace, ParamsId, Stream};

/// Tensors start at bursts.
const ALIGN: usize = 64;

/// Addresses of all DRAM places.
pub(crate) struct Dram {
    tensors: Vec<DramAddr>,
    params: Vec<DramAddr>,
    /// Bytes of R0 to R3.
    pub sizes: [u64; 4],
}

impl Dram {
    pub(crate) fn new(s: &Stream) -> Self {
        let f = &s.fused;
        let mut tensors = vec![dram_addr(1, 0); f.tensors.len()];
        let mut sizes = [0u64; 4];
        let mut put = |region: u8, bytes: usize| {
            let size = &mut sizes[usize::from(region)];
            // Every byte of R3 must be stored: outputs follow each other without a gap.
            let at = if region == 3 { *size } else { size.next_multiple_of(ALIGN as u64) };
            *size = at + bytes as u64;
            dram_addr(region, at)
        };
        let mut arena: Vec<TensorId> = Vec::new();
        let mut is_output = vec![false; f.tensors.len()];
        for (_, t) in &f.outputs {
            is_output[t.index()] = true;
        }
        for (id, t) in f.tensors.iter() {
            match t.def {
                TensorDef::Const(_) => tensors[id.index()] = put(0, t.bytes()),
                TensorDef::Input(_) => {}
                TensorDef::Group(_) if is_output[id.index()] => {}
                TensorDef::Group(_) => arena.push(id),
            }
        }
        // Inputs and outputs in the order of their tables.
        for (_, t) in &f.inputs {
            tensors[t.index()] = put(2, f.tensors[*t].bytes());
        }
        // Wide elements first: natural alignment without gaps.
        let mut outputs: Vec<TensorId> = f.outputs.iter().map(|(_, t)| *t).collect();
        outputs.sort_by_key(|t| std::cmp::Reverse(f.tensors[*t].dtype.size()));
        for t in outputs {
            tensors[t.index()] = put(3, f.tensors[t].bytes());
        }
        let params = s.params.values().map(|p| put(0, p.len() * 16)).collect();
        let items = arena_items(s, &arena);
        let at = first_fit(&items, ALIGN, usize::MAX).expect("the arena is as large as need be");
        for ((id, at), (_, _, bytes)) in arena.iter().zip(at).zip(&items) {
            tensors[id.index()] = dram_addr(1, at as u64);
            sizes[1] = sizes[1].max((at + bytes) as u64);
        }
        Dram { tensors, params, sizes }
    }

    pub(crate) fn addr(&self, p: DramPlace) -> DramAddr {
        match p {
            DramPlace::Tensor(t) => self.tensors[t.index()],
            DramPlace::Params(p) => self.params[p.index()],
        }
    }

    /// All places with their addresses.
    pub(crate) fn places(&self) -> Vec<(DramPlace, DramAddr)> {
        let t = self.tensors.iter().enumerate().map(|(i, a)| (DramPlace::Tensor(TensorId::new(i)), *a));
        let p = self.params.iter().enumerate().map(|(i, a)| (DramPlace::Params(ParamsId::new(i)), *a));
        t.chain(p).collect()
    }

    /// The image of R0.
    pub(crate) fn consts(&self, s: &Stream) -> Vec<u8> {
        let mut image = vec![0u8; usize::try_from(self.sizes[0]).expect("constants fit the host's memory")];
        let mut write = |at: u64, bytes: &[u8]| {
            let at = usize::try_from(at).expect("inside the image");
            image[at..at + bytes.len()].copy_from_slice(bytes);
        };
        for (id, t) in s.fused.tensors.iter() {
            if let TensorDef::Const(c) = &t.def {
                write(self.tensors[id.index()].offset, &c.bytes);
            }
        }
        for (id, records) in s.params.iter() {
            let bytes: Vec<u8> = records.iter().flat_map(record_bytes).collect();
            write(self.params[id.index()].offset, &bytes);
        }
        image
    }
}

/// Lifetimes in groups: from the writer to the last reader.
fn arena_items(s: &Stream, arena: &[TensorId]) -> Vec<(usize, usize, usize)> {
    let f = &s.fused;
    let mut last = vec![0usize; f.tensors.len()];
    for (g, group) in f.groups.iter() {
        for t in group.inputs.iter().chain([&group.output]) {
            last[t.index()] = g.index();
        }
    }
    arena
        .iter()
        .map(|t| {
            let from = match f.tensors[*t].def {
                TensorDef::Group(g) => g.index(),
                TensorDef::Const(_) | TensorDef::Input(_) => 0,
            };
            (from, last[t.index()].max(from), f.tensors[*t].bytes())
        })
        .collect()
}
