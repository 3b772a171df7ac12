//! Every rule of the verifiers: the hand-made program is clean, and one broken thing is reported under its rule's name.

mod common;

use common::*;
use isa::{DType, Mem, NpuConfig, Op, Region};
use kit::Violation;
use std::sync::Arc;
use touchstone_lir::contents::check_contents;
use touchstone_lir::fused::*;
use touchstone_lir::placed::Placed;
use touchstone_lir::stream::{DramPlace, InstrId, Stream};
use touchstone_lir::tile::{BufId, BufMem, TileInit, TileOp, TileProgram};
use touchstone_lir::verify_fused::verify_fused;
use touchstone_lir::verify_placed::verify_placed;
use touchstone_lir::verify_stream::verify_stream;
use touchstone_lir::verify_tile::verify_tile;

#[track_caller]
fn reports(rule: &str, found: &[Violation]) {
    let all: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(found.iter().any(|v| v.rule == rule), "{rule} is not among {all:?}");
}

#[test]
fn the_program_is_clean() {
    let clean: Vec<Violation> = vec![];
    assert_eq!(verify_fused(&fused(), &graph()), clean);
    assert_eq!(verify_tile(&tiles(), &config()), clean);
    assert_eq!(verify_stream(&stream(), &tiles()), clean);
    assert_eq!(verify_placed(&placed()), clean);
    assert_eq!(check_contents(&placed()), clean);
}

fn config() -> NpuConfig {
    NpuConfig::named("tiny-fuzz").unwrap()
}

/// An id vector with one entry changed.
macro_rules! at {
    ($vec:expr, $i:expr) => {
        $vec.values_mut().nth($i).expect("that many entries")
    };
}

#[track_caller]
fn bad_fused(rule: &str, edit: impl FnOnce(&mut Fused)) {
    let mut f = fused();
    edit(&mut f);
    reports(rule, &verify_fused(&f, &graph()));
}

fn matrix_of(f: &mut Fused) -> &mut Matrix {
    match &mut at!(f.groups, 0).kind {
        GroupKind::Matrix(m) => m,
        _ => unreachable!("group 0 is the matrix"),
    }
}

fn steps_of(f: &mut Fused) -> &mut Elementwise {
    match &mut at!(f.groups, 1).kind {
        GroupKind::Elementwise(e) => e,
        _ => unreachable!("group 1 is elementwise"),
    }
}

#[test]
fn rules_of_fused() {
    bad_fused("tensor-def", |f| at!(f.tensors, 0).def = TensorDef::Input(1));
    bad_fused("tensor-def", |f| at!(f.tensors, 1).dims = vec![511]);
    bad_fused("tensor-def", |f| at!(f.tensors, 2).def = TensorDef::Group(GroupId(1)));
    bad_fused("output-layout", |f| at!(f.tensors, 3).layout = Layout::ChannelsLast);
    bad_fused("output-layout", |f| f.outputs.push(("again".into(), Y)));
    bad_fused("output-layout", |f| f.outputs.push(("x".into(), X)));
    bad_fused("def-before-use", |f| at!(f.groups, 0).inputs[0] = Y);
    bad_fused("operand-count", |f| at!(f.groups, 0).inputs.truncate(1));
    bad_fused("operand-count", |f| steps_of(f).steps[0].b = None);
    bad_fused("operand-type", |f| at!(f.tensors, 0).dtype = DType::S32);
    bad_fused("operand-type", |f| steps_of(f).steps[0].dtype = DType::S32);
    bad_fused("reference", |f| steps_of(f).steps[0].a = Src::Step(0));
    bad_fused("reference", |f| matrix_of(f).params = None);
    bad_fused("view-bounds", |f| steps_of(f).views[0].strides = vec![1]);
    bad_fused("view-bounds", |f| matrix_of(f).problems[0].a = 1);
    bad_fused("view-bounds", |f| matrix_of(f).problems[0].w = 4);
    bad_fused("written-once", |f| steps_of(f).space = vec![1]);
    bad_fused("written-once", |f| {
        let p = matrix_of(f).problems[0];
        matrix_of(f).problems.push(p);
    });
}

#[test]
fn packed_weights_are_the_source() {
    // One weight changed, one padding lane not zero, another source.
    for element in [3, 20] {
        bad_fused("packed-weights", |f| {
            let TensorDef::Const(c) = &mut at!(f.tensors, 1).def else { unreachable!("a constant") };
            let mut w = c.to_f32().unwrap();
            w[element] += 1.0;
            *c = ir::Tensor::from_f32(vec![512], &w);
        });
    }
    bad_fused("packed-weights", |f| matrix_of(f).weights = Weights::Packed { source: ir::ValueId(0) });
}

#[test]
fn moves_write_every_element_once() {
    let copy = |n: usize, offset: usize| Copy {
        n: vec![n],
        src: View { input: 0, offset: 0, strides: vec![0] },
        offset,
        strides: vec![1],
    };
    let with = |copies: Vec<Copy>| {
        let mut f = fused();
        at!(f.groups, 1).kind = GroupKind::Move(Move { copies, fills: vec![] });
        verify_fused(&f, &graph())
    };
    assert_eq!(with(vec![copy(1, 0), copy(1, 1)]), vec![]);
    reports("written-once", &with(vec![copy(1, 0)]));
    reports("written-once", &with(vec![copy(2, 0), copy(1, 1)]));
    reports("view-bounds", &with(vec![copy(3, 0)]));
}

#[track_caller]
fn bad_tile(rule: &str, edit: impl FnOnce(&mut TileProgram)) {
    let mut p = tiles();
    edit(&mut p);
    reports(rule, &verify_tile(&p, &config()));
}

#[test]
fn rules_of_tiles() {
    bad_tile("group-order", |p| p.groups.swap(0, 1));
    bad_tile("capacity", |p| at!(p.groups[0].bufs, 1).bytes = 8192);
    bad_tile("buffer-bounds", |p| at!(p.groups[0].bufs, 0).bytes = 124);
    bad_tile("buffer-bounds", |p| at!(p.groups[0].bufs, 1).bytes = 1020);
    bad_tile("buffer-memory", |p| at!(p.groups[0].bufs, 4).mem = BufMem::Spm);
    bad_tile("dram-bounds", |p| {
        let TileOp::Load { src, .. } = &mut p.groups[0].tiles[0].ops[1] else { unreachable!("a load") };
        src.offset = 1;
    });
    bad_tile("stored-once", |p| p.groups[1].tiles[1].ops.truncate(1));
    bad_tile("stored-once", |p| {
        let again = p.groups[1].tiles[1].ops[1].clone();
        p.groups[1].tiles[1].ops.push(again);
    });
    bad_tile("store-target", |p| {
        let TileOp::Store { dst, .. } = &mut p.groups[1].tiles[1].ops[1] else { unreachable!("a store") };
        (dst.tensor, dst.offset) = (H, 0);
    });
}

#[test]
fn accumulators_sum_in_the_canonical_order() {
    // The halves of K exchanged; the second half twice; the accumulator never started; read too early.
    bad_tile("k-order", |p| {
        for (op, offset) in [(2, 256), (4, 0)] {
            let TileOp::Load { src, .. } = &mut p.groups[0].tiles[0].ops[op] else { unreachable!("a load") };
            src.offset = offset;
        }
    });
    bad_tile("k-order", |p| {
        let again = p.groups[0].tiles[0].ops[5].clone();
        p.groups[0].tiles[0].ops.insert(6, again);
    });
    bad_tile("k-order", |p| {
        let TileOp::Mx(m) = &mut p.groups[0].tiles[0].ops[3] else { unreachable!("a matrix operation") };
        m.init = TileInit::Accumulate;
    });
    bad_tile("k-complete", |p| {
        p.groups[0].tiles[0].ops.remove(5);
    });
    // Weights that start inside a group of 16 lanes.
    bad_tile("k-order", |p| {
        let TileOp::Load { src, .. } = &mut p.groups[0].tiles[0].ops[2] else { unreachable!("a load") };
        src.offset = 1;
    });
}

#[track_caller]
fn bad_stream(rule: &str, edit: impl FnOnce(&mut Stream)) {
    let mut s = stream();
    edit(&mut s);
    reports(rule, &verify_stream(&s, &tiles()));
}

/// Puts instruction `from` at position `to`.
fn reorder(s: &mut Stream, from: usize, to: usize) {
    let mut ops: Vec<_> = s.ops.values().cloned().collect();
    let op = ops.remove(from);
    ops.insert(to, op);
    s.ops = ops.into_iter().collect();
}

#[test]
fn rules_of_streams() {
    bad_stream("place-missing", |s| at!(s.ops, 3).places.b = None);
    bad_stream("place-missing", |s| at!(s.ops, 3).places.prm[2] = None);
    bad_stream("place-missing", |s| at!(s.ops, 1).places.dram = None);
    bad_stream("place-missing", |s| at!(s.ops, 1).places.a = Some(BufId(99)));
    bad_stream("place-unused", |s| at!(s.ops, 6).places.b = Some(BufId(0)));
    bad_stream("place-unused", |s| at!(s.ops, 6).places.dram = Some(DramPlace::Tensor(X)));
    bad_stream("place-memory", |s| at!(s.bufs, 2).mem = BufMem::Spm);
    bad_stream("buffer-bounds", |s| at!(s.bufs, 1).bytes = 1008);
    bad_stream("tensor-bounds", |s| {
        let Op::Ld(d) = &mut at!(s.ops, 1).instr.op else { unreachable!("a load") };
        d.dram_off = 4;
    });
    bad_stream("use-before-def", |s| reorder(s, 1, 3));
    bad_stream("use-before-def", |s| reorder(s, 8, 7));
    bad_stream("dependence-order", |s| reorder(s, 11, 9));
    bad_stream("store-target", |s| at!(s.ops, 7).places.dram = Some(DramPlace::Tensor(Y)));
    bad_stream("stored-twice", |s| {
        let Op::St(d) = &mut at!(s.ops, 12).instr.op else { unreachable!("a store") };
        d.dram_off = 0;
    });
    bad_stream("output-incomplete", |s| s.ops = s.ops.values().take(12).cloned().collect());
    bad_stream("field-range", |s| {
        let Op::Ld(d) = &mut at!(s.ops, 1).instr.op else { unreachable!("a load") };
        d.esz = 3;
    });
    bad_stream("field-range", |s| {
        at!(s.ops, 1).instr.add_signal(1, 1);
    });
    bad_stream("tile-number", |s| at!(s.ops, 12).tile = 2);
}

#[track_caller]
fn bad_placed(rule: &str, edit: impl FnOnce(&mut Placed)) {
    let mut a = placed();
    edit(&mut a);
    reports(rule, &verify_placed(&a));
}

fn set_dram(a: &mut Placed, i: usize, region: u8, offset: u64) {
    (a.dram[i].1.region, a.dram[i].1.offset) = (region, offset);
}

#[test]
fn rules_of_placement() {
    bad_placed("instr-base", |a| {
        let Op::Ld(d) = &mut a.ops[1].instr.op else { unreachable!("a load") };
        d.loc_addr += 4;
    });
    bad_placed("instr-base", |a| a.ops[0].op = None);
    bad_placed("capacity", |a| *at!(a.buf_addr, 1) = 7200);
    bad_placed("capacity", |a| *at!(a.buf_addr, 2) = 32);
    bad_placed("alignment", |a| {
        let Op::MxConv(m) = &mut a.ops[3].instr.op else { unreachable!("a matrix instruction") };
        m.w_addr += 8;
    });
    // b5 may lie on b0, which is dead by then, but not on b6.
    bad_placed("lifetime-overlap", |a| *at!(a.buf_addr, 6) = 0);
    bad_placed("lifetime-overlap", |a| *at!(a.buf_addr, 1) = 112);
    bad_placed("dram-place", |a| {
        a.dram.remove(0);
    });
    bad_placed("dram-region", |a| set_dram(a, 3, 1, 0));
    bad_placed("dram-bounds", |a| set_dram(a, 3, 3, 4));
    bad_placed("dram-overlap", |a| set_dram(a, 4, 0, 2032));
    bad_placed("const-bytes", |a| a.program.consts[2048] ^= 1);
    bad_placed("program", |a| a.program.config_hash ^= 1);
    bad_placed("program", |a| a.program.code.truncate(3));
    bad_placed("program", |a| a.program.iotab[1].offset = 4);
    bad_placed("program", |a| a.program.iotab[1].dims = vec![1]);
    bad_placed("halt", |a| {
        a.ops.pop();
    });
}

#[track_caller]
fn bad_contents(rule: &str, edit: impl FnOnce(&mut Placed)) {
    let mut a = placed();
    edit(&mut a);
    reports(rule, &check_contents(&a));
}

#[test]
fn contents_follow_the_bytes() {
    // The output of tile 0 overwrites h, which tile 1 still reads: the allocator's classic.
    bad_contents("reads-other-contents", |a| {
        for i in [9, 11] {
            a.ops[i].instr.op.vx_mut().unwrap().d.addr = 0;
        }
        for i in [10, 12] {
            let Op::St(d) = &mut a.ops[i].instr.op else { unreachable!("a store") };
            d.loc_addr = 0;
        }
    });
    // An off-by-one base of one reader; weights read at another buffer.
    bad_contents("reads-other-contents", |a| {
        let Op::MxConv(m) = &mut a.ops[5].instr.op else { unreachable!("a matrix instruction") };
        m.in_addr += 4;
    });
    // A parameter record that is another one.
    bad_contents("reads-other-contents", |a| {
        let Op::MxConv(m) = &mut a.ops[3].instr.op else { unreachable!("a matrix instruction") };
        m.prm_rec = 0;
    });
    bad_contents("reads-read-only-address", |a| {
        let Op::Ld(d) = &mut a.ops[4].instr.op else { unreachable!("a load") };
        d.dram_off = 1020;
    });
    bad_contents("operand-shape", |a| {
        let Op::Ld(d) = &mut a.ops[1].instr.op else { unreachable!("a load") };
        d.n[0] = 31;
    });
    bad_contents("op-order", |a| a.ops.swap(1, 2));
    bad_contents("op-order", |a| {
        a.ops.remove(12);
    });
    bad_contents("output-contents", |a| {
        let Op::St(d) = &mut a.ops[12].instr.op else { unreachable!("a store") };
        d.dram_off = 0;
    });
    bad_contents("output-contents", |a| a.program.iotab[1].region = Region::R1);
}

#[test]
fn stale_contents_are_seen_although_the_addresses_are_right() {
    // The second half of the weights is loaded elsewhere: the product reads the first half again, byte for byte in place.
    bad_contents("reads-other-contents", |a| {
        let Op::Ld(d) = &mut a.ops[4].instr.op else { unreachable!("a load") };
        d.loc_addr = 2048;
    });
    // POISON before the last use.
    let mut a = placed();
    let poison = isa::Poison { mem: Mem::Spm, off: 0, len: 4, ..isa::Poison::default() };
    let op = touchstone_lir::placed::PlacedOp { instr: isa::Instr::new(Op::Poison(poison)), op: None };
    a.ops.insert(10, op);
    reports("reads-other-contents", &check_contents(&a));
    assert_eq!(a.ops[11].op, Some(InstrId(10)));
}

#[test]
fn texts_name_every_entity_and_are_deterministic() {
    let f = touchstone_lir::text::fused(&fused());
    for part in ["t0: f32[1,32] row-major = input 0", "g0: t2 = matrix f32", "w=packed %1", "s0 = add v0 v0 -> f32"] {
        assert!(f.contains(part), "{part} in\n{f}");
    }
    let t = touchstone_lir::text::tiles(&tiles());
    for part in ["g1 grid [n=2] tiles 2", "b2: Acc 64 bytes", "load [32] t0+0 [1] -> b0+0:f32 [1]", "init=Accumulate"] {
        assert!(t.contains(part), "{part} in\n{t}");
    }
    let s = touchstone_lir::text::stream(&stream());
    for part in ["p0: 1 records", "i3: MX.", "[a=b0 b=b1 d=b2 prm2=b4] g0 tile 0", "dram=t3"] {
        assert!(s.contains(part), "{part} in\n{s}");
    }
    let a = touchstone_lir::text::asm(&placed());
    for part in ["; b1 at 0x80 in Spm", "; t3 at R3+0x0", "@13 VX.halt"] {
        assert!(a.contains(part), "{part} in\n{a}");
    }
    let again = Arc::new(placed());
    assert_eq!(a, touchstone_lir::text::asm(&again));
}
