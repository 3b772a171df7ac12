//! A case in memory: everything that repeats a check.

use driver::{Injection, Options, Precision};
use ir::{Graph, Tensor};
use isa::NpuConfig;
use kit::{Control, Permit};
use reference::Contract;

/// How a case is compiled and judged.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Machine.
    pub config: NpuConfig,
    /// Name under which it was asked for.
    pub config_name: String,
    /// 0 or 2.
    pub opt_level: u8,
    /// Storage precision.
    pub precision: Precision,
    /// Arithmetic contract.
    pub contract: Contract,
    /// The contract of one group on the machine's own inputs: sharper, since the machine's order of additions is fixed.
    pub group_contract: Contract,
    /// Which rewrites may happen.
    pub permit: Permit,
    /// Legal choices.
    pub control: Control,
    /// Injected faults.
    pub injections: Vec<Injection>,
    /// Most instructions that the simulator executes.
    pub max_instructions: u64,
    /// Whether the scalar ISA oracle runs too.
    pub oracle: bool,
    /// Whether cycles are modeled.
    pub timing: bool,
    /// Whether the outputs of the first set are compared with what legal executions show (`crate::suspect`).
    pub suspect: bool,
}

impl Setup {
    /// Production options on a machine.
    pub fn new(config_name: &str, config: NpuConfig) -> Self {
        Self {
            config,
            config_name: config_name.into(),
            opt_level: 2,
            precision: Precision::AsIs,
            contract: Contract::named("anvil").expect("a built-in contract"),
            group_contract: Contract::named("anvil-group").expect("a built-in contract"),
            permit: Permit::All,
            control: Control::production(),
            injections: Vec::new(),
            max_instructions: 50_000_000,
            oracle: true,
            timing: false,
            suspect: false,
        }
    }
    /// Options for the driver.
    pub fn options(&self) -> Options {
        Options {
            precision: self.precision,
            permit: self.permit.clone(),
            control: self.control.clone(),
            injections: self.injections.clone(),
            ..Options::new(self.config.clone(), self.opt_level)
        }
    }
}

/// A graph with its data.
#[derive(Clone, Debug)]
pub struct Case {
    /// The graph.
    pub graph: Graph,
    /// Input sets, each in graph order.
    pub sets: Vec<Vec<Tensor>>,
    /// How it is compiled and judged.
    pub setup: Setup,
}
