//! Rooflines (6.5), work by resource and by group, energy.

use std::collections::BTreeMap;

use isa::{NpuConfig, Op, Program, Region};

use super::cost::{self, Cost, TICKS};

/// Bounds of a run, in ticks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Roofs {
    /// Sum over MX of useful MACs * r / peak.
    pub t_mac: u64,
    /// The larger of (constant + input bytes read) and (output bytes written), each byte once, over B_dram.
    pub t_dram: u64,
    /// Sum of elements * c / V.
    pub t_vec: u64,
    /// max(T_mac, T_dram).
    pub net: u64,
    /// Sum over groups of max(MACs/peak, constant bytes/B_dram): no prefetch across groups.
    pub layer: u64,
    /// The largest entry of `work`.
    pub array: u64,
    /// Sum of serial times (max(occupancy, work) + latency) and fetch.
    pub serial: u64,
    /// Work of every engine, bank, DRAM channel and of the fetch port that has any.
    pub work: Vec<(String, u64)>,
}

impl Roofs {
    /// The name of the resource with the most work.
    pub fn bound_by(&self) -> &str {
        bound_by(&self.work)
    }
}

fn bound_by(work: &[(String, u64)]) -> &str {
    let best = work.iter().rev().max_by_key(|(_, w)| *w); // rev: the first of equals
    best.map_or("nothing", |(name, _)| name.as_str())
}

/// The share of one group of instructions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GroupStats {
    /// Graph nodes of its DEBUG entries; empty for instructions without an entry.
    pub nodes: Vec<u32>,
    /// Instructions.
    pub instructions: u64,
    /// Useful MACs.
    pub macs: u64,
    /// Constant bytes loaded, each once.
    pub const_bytes: u64,
    /// Bytes of DRAM bursts.
    pub burst_bytes: u64,
    /// Ticks of max(MACs*r/peak, const_bytes/B_dram).
    pub roof: u64,
    /// Work of every engine, bank and channel that has any.
    pub work: Vec<(String, u64)>,
    /// The resource with the most work.
    pub bound_by: String,
}

/// Femtojoules by cause. A documented toy: 200 fJ a weighted int8 MAC, 500 fJ a vector element-cycle, 1,000 fJ a byte
/// over an SPM port, 20,000 fJ a DRAM byte. For comparing schedules of one machine, nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Energy {
    /// Matrix engine.
    pub mac_fj: u64,
    /// Vector engine.
    pub vector_fj: u64,
    /// Scratchpad.
    pub spm_fj: u64,
    /// DRAM.
    pub dram_fj: u64,
}

impl Energy {
    /// The sum.
    pub fn total_fj(&self) -> u64 {
        self.mac_fj + self.vector_fj + self.spm_fj + self.dram_fj
    }
}

pub(super) fn energy(costs: &[Cost]) -> Energy {
    let sum = |f: &dyn Fn(&Cost) -> u64| costs.iter().map(f).sum::<u64>();
    Energy {
        mac_fj: 200 * sum(&|c| c.weighted_macs),
        vector_fj: 500 * sum(&|c| c.vector / TICKS),
        spm_fj: 1_000 * sum(&|c| c.spm_bytes),
        dram_fj: 20_000 * sum(&|c| c.burst_bytes),
    }
}

/// Total length of a union of intervals.
fn union(mut list: Vec<(u64, u64)>) -> u64 {
    list.sort_unstable();
    let (mut total, mut reached) = (0, 0);
    for (lo, hi) in list {
        let lo = lo.max(reached);
        if hi > lo {
            total += hi - lo;
            reached = hi;
        }
    }
    total
}

/// Work by name, in a fixed order.
#[derive(Default)]
struct Work {
    engines: [u64; 5],
    banks: BTreeMap<u32, u64>,
    read: u64,
    write: u64,
    fetch: u64,
}

impl Work {
    fn add(&mut self, config: &NpuConfig, instr: &isa::Instr, c: &Cost) {
        self.engines[usize::from(instr.eng.code())] += c.occupancy;
        for &(bank, w) in &c.banks {
            *self.banks.entry(bank).or_default() += w;
        }
        self.read += c.dram_read;
        self.write += c.dram_write;
        if !matches!(instr.op, Op::Poison(_)) {
            self.fetch += fetch_ticks(config);
        }
    }

    fn list(&self) -> Vec<(String, u64)> {
        let engines = isa::Engine::ALL.iter().zip(self.engines).map(|(e, w)| (e.to_string(), w));
        let banks = self.banks.iter().map(|(b, &w)| (format!("bank {b}"), w));
        let rest = [("DRAM read", self.read), ("DRAM write", self.write), ("fetch", self.fetch)];
        let rest = rest.into_iter().map(|(name, w)| (name.to_owned(), w));
        engines.chain(banks).chain(rest).filter(|(_, w)| *w > 0).collect()
    }
}

/// Ticks of fetching one instruction.
pub(super) fn fetch_ticks(config: &NpuConfig) -> u64 {
    (isa::INSTR_BYTES as u64).div_ceil(u64::from(config.fetch_port)) * TICKS
}

fn mac_ticks(weighted: u64, config: &NpuConfig) -> u64 {
    (u128::from(weighted) * u128::from(TICKS) / u128::from(config.peak_macs())) as u64
}

/// Bytes / B_dram, rounded down: a lower bound.
fn dram_floor(bytes: u64, config: &NpuConfig) -> u64 {
    (u128::from(bytes) * u128::from(TICKS * TICKS) / u128::from(config.dram_bw_256)) as u64
}

pub(super) fn roofs<'a>(
    config: &NpuConfig,
    program: &Program,
    costs: &[Cost],
    rows: &dyn Fn(u32) -> Option<&'a [(u64, u64)]>,
) -> Roofs {
    let mut work = Work::default();
    let mut touched: [Vec<(u64, u64)>; 4] = Default::default();
    let mut serial = 0;
    for ((pc, instr), c) in (0..).zip(&program.code).zip(costs) {
        work.add(config, instr, c);
        if let Some((region, list)) = cost::dram_intervals(&instr.op, rows(pc)) {
            touched[region.index()].extend(list);
        }
        let resources = c.banks.iter().map(|b| b.1).chain([c.dram_read, c.dram_write]).max().unwrap_or(0);
        serial += c.occupancy.max(resources) + c.latency;
    }
    let [consts, _, inputs, outputs] = touched.map(union);
    let t_dram = dram_floor((consts + inputs).max(outputs), config);
    let t_mac = mac_ticks(costs.iter().map(|c| c.weighted_macs).sum(), config);
    let lane_ticks: u64 = costs.iter().map(|c| c.vector).sum();
    let work_list = work.list();
    Roofs {
        t_mac,
        t_dram,
        t_vec: lane_ticks / u64::from(config.vx_lanes),
        net: t_mac.max(t_dram),
        layer: groups(config, program, costs, rows).iter().map(|g| g.roof).sum(),
        array: work_list.iter().map(|w| w.1).max().unwrap_or(0),
        serial: serial + work.fetch,
        work: work_list,
    }
}

pub(super) fn groups<'a>(
    config: &NpuConfig,
    program: &Program,
    costs: &[Cost],
    rows: &dyn Fn(u32) -> Option<&'a [(u64, u64)]>,
) -> Vec<GroupStats> {
    let mut index: BTreeMap<&[u32], usize> = BTreeMap::new();
    let mut parts: Vec<(GroupStats, Work, Vec<(u64, u64)>, u64)> = Vec::new();
    let mut entries = program.debug.iter().peekable();
    for ((pc, instr), c) in (0u32..).zip(&program.code).zip(costs) {
        while entries.peek().is_some_and(|e| e.pc < pc) {
            entries.next();
        }
        let nodes: &[u32] = entries.peek().filter(|e| e.pc == pc).map_or(&[], |e| &e.nodes);
        let at = *index.entry(nodes).or_insert_with(|| {
            let stats = GroupStats { nodes: nodes.to_vec(), ..GroupStats::default() };
            parts.push((stats, Work::default(), Vec::new(), 0));
            parts.len() - 1
        });
        let (stats, work, consts, weighted) = &mut parts[at];
        stats.instructions += 1;
        stats.macs += c.macs;
        stats.burst_bytes += c.burst_bytes;
        *weighted += c.weighted_macs;
        work.add(config, instr, c);
        if let Some((Region::R0, list)) = cost::dram_intervals(&instr.op, rows(pc)) {
            consts.extend(list);
        }
    }
    let finish = |(mut stats, work, consts, weighted): (GroupStats, Work, Vec<(u64, u64)>, u64)| {
        stats.const_bytes = union(consts);
        stats.roof = mac_ticks(weighted, config).max(dram_floor(stats.const_bytes, config));
        stats.work = work.list();
        stats.bound_by = bound_by(&stats.work).to_owned();
        stats
    };
    parts.into_iter().map(finish).collect()
}

#[cfg(test)]
mod tests {
    use super::union;

    #[test]
    fn union_counts_every_byte_once() {
        assert_eq!(union(vec![(10, 20), (0, 5), (15, 30), (15, 16), (30, 31), (40, 40)]), 26);
        assert_eq!(union(Vec::new()), 0);
    }
}
