//! The seam for the test apparatus: extra passes at stage boundaries, run through the same interface as the compiler's own, so that
//! injected faults are numbered, switchable and attributed like any rewrite, and no compiler source knows that faults exist.

use ir::Graph;
use kit::PassCx;
use lir::fused::Fused;
use lir::placed::Placed;
use lir::stream::Stream;
use lir::tile::TileProgram;
use std::fmt;

/// An edit of one stage's artefact. It asks [`PassCx::permit`] for each application.
#[derive(Clone, Copy)]
pub enum Edit {
    /// On the graph, right before the pass of this name (whether or not it runs at this optimisation level): a wrong rewrite.
    Graph {
        /// Name of the pass.
        before: &'static str,
        /// The rewrite.
        rewrite: fn(&Graph, &mut PassCx<'_>) -> Graph,
    },
    /// On F.
    Fused(fn(&mut Fused, &mut PassCx<'_>)),
    /// On T.
    Tile(fn(&mut TileProgram, &mut PassCx<'_>)),
    /// On S.
    Stream(fn(&mut Stream, &mut PassCx<'_>)),
    /// On A: instructions with addresses, before they are encoded.
    Placed(fn(&mut Placed, &mut PassCx<'_>)),
    /// On B.
    Binary(fn(&mut Vec<u8>, &mut PassCx<'_>)),
}

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Edit::Graph { .. } => "Edit::Graph",
            Edit::Fused(_) => "Edit::Fused",
            Edit::Tile(_) => "Edit::Tile",
            Edit::Stream(_) => "Edit::Stream",
            Edit::Placed(_) => "Edit::Placed",
            Edit::Binary(_) => "Edit::Binary",
        })
    }
}

/// A named edit.
#[derive(Clone, Copy, Debug)]
pub struct Injection {
    /// Pass name under which its applications are logged, e.g. `fault.compose-perm-reversed`.
    pub name: &'static str,
    /// What it claims, falsely: the claim of the honest rewrite that it imitates. Graph edits only.
    pub claim: kit::Claim,
    /// The edit.
    pub edit: Edit,
}
