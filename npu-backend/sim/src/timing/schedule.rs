//! The event loop: fetch, queues, issue, reservation (6.1 to 6.4).
//!
//! At every step the event of the smallest (time, pc) among the heads whose start is known is executed. A head whose
//! start is not known yet depends on an instruction that is not scheduled, and so starts no earlier.

use std::collections::{BTreeMap, VecDeque};

use isa::{Engine, Instr, NpuConfig, Op, Trap, TrapCode};

use super::cost::Cost;
use super::roof::fetch_ticks;
use super::{CriticalStep, EngineStats, Resource, TokenWait};

/// What determined the start of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// It was fetched just then.
    Fetch,
    /// Its queue was full until this instruction left it.
    Queue(u32),
    /// The instruction before on its engine (for DMA also the limit of descriptors in flight).
    Engine(u32),
    /// A token.
    Token(TokenWait),
    /// A bank or channel that this instruction used before delayed its end.
    Resource(Resource, u32),
}

impl Cause {
    fn pc(self) -> Option<u32> {
        match self {
            Cause::Fetch => None,
            Cause::Queue(pc) | Cause::Engine(pc) | Cause::Resource(_, pc) => Some(pc),
            Cause::Token(t) => Some(t.producer),
        }
    }
}

/// When one instruction ran. Ticks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InstrTime {
    /// The instruction.
    pub pc: u32,
    /// Its engine.
    pub engine: Engine,
    /// Entered its queue.
    pub pushed: u64,
    /// Left it: all waits satisfied.
    pub issued: u64,
    /// Start of its occupancy (DMA: of the data phase).
    pub start: u64,
    /// Completion.
    pub end: u64,
    /// Ticks of work on its engine.
    pub occupancy: u64,
}

pub(super) struct Schedule {
    pub total: u64,
    pub engines: [EngineStats; 5],
    pub times: Vec<InstrTime>,
    pub critical: Vec<CriticalStep>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Waiting,
    Issued,
    Done,
}

/// One instruction of the schedule.
struct Node {
    pc: u32,
    engine: usize,
    /// FENCE, SEGMENT_END, HALT: waits for everything before, blocks everything after.
    joins: bool,
    is_dma: bool,
    /// Producers of its tokens.
    tokens: Vec<(TokenWait, usize)>,
    /// The last joining node before it.
    fence: Option<usize>,
    /// Position in its engine's list.
    place: usize,
    /// Needs no fetch and no queue slot (POISON with tokens).
    free_of_charge: bool,
    phase: Phase,
    pushed: Option<u64>,
    push_cause: Cause,
    token_time: u64,
    token_cause: Option<TokenWait>,
    issued: u64,
    start: u64,
    end: u64,
    cause: Cause,
}

#[derive(Default)]
struct Lane {
    list: Vec<usize>,
    next_issue: usize,
    next_data: usize,
    /// Accounted for up to here.
    cursor: u64,
    stats: EngineStats,
    by_token: BTreeMap<TokenWait, u64>,
    by_resource: BTreeMap<Resource, u64>,
}

struct State<'a> {
    costs: &'a [Cost],
    nodes: Vec<Node>,
    lanes: [Lane; 5],
    fetch_ticks: u64,
    queue_depth: usize,
    in_flight: usize,
    /// Next node to fetch, and when the front end is free.
    fetch_next: usize,
    fetch_free: u64,
    /// All nodes below are done.
    done_below: usize,
    latest_end: u64,
    latest: Option<usize>,
    /// (free from, last user) of each resource.
    free: BTreeMap<Resource, (u64, u32)>,
}

/// Runs the whole program.
pub(super) fn run(config: &NpuConfig, code: &[Instr], costs: &[Cost]) -> Result<Schedule, Trap> {
    let nodes = build(code)?;
    let mut lanes: [Lane; 5] = Default::default();
    for (i, node) in nodes.iter().enumerate() {
        lanes[node.engine].list.push(i);
    }
    let mut state = State {
        costs,
        nodes,
        lanes,
        fetch_ticks: fetch_ticks(config),
        queue_depth: config.queue_depth as usize,
        in_flight: config.dma_in_flight as usize,
        fetch_next: 0,
        fetch_free: 0,
        done_below: 0,
        latest_end: 0,
        latest: None,
        free: BTreeMap::new(),
    };
    loop {
        state.fetch();
        let Some((_, node, data)) = state.next_event() else { break };
        if data {
            state.execute(node);
        } else {
            state.issue(node);
        }
    }
    if let Some(stuck) = state.nodes.iter().find(|n| n.phase != Phase::Done) {
        return Err(Trap::at(TrapCode::Deadlock, stuck.pc, "never starts"));
    }
    Ok(state.finish())
}

/// Matches tokens in stream order.
fn build(code: &[Instr]) -> Result<Vec<Node>, Trap> {
    let mut signals: Vec<VecDeque<(u32, usize, u32)>> = vec![VecDeque::new(); 256];
    let mut places = [0usize; 5];
    let mut fence = None;
    let mut nodes: Vec<Node> = Vec::with_capacity(code.len());
    for (pc, instr) in (0u32..).zip(code) {
        let poison = matches!(instr.op, Op::Poison(_));
        if poison && instr.waits[0].is_none() && instr.signals[0].is_none() {
            continue;
        }
        let engine = usize::from(instr.eng.code());
        let joins = matches!(instr.op, Op::Fence | Op::Halt | Op::SegmentEnd { .. });
        let mut tokens = Vec::new();
        for wait in instr.waits.iter().flatten() {
            let mut need = u32::from(wait.n);
            while need > 0 {
                let Some(front) = signals[usize::from(wait.sem)].front_mut() else {
                    return Err(Trap::at(TrapCode::Deadlock, pc, format!("wait s{}:{}", wait.sem, wait.n)));
                };
                let take = need.min(front.2);
                need -= take;
                front.2 -= take;
                tokens.push((TokenWait { sem: Some(wait.sem), producer: front.0 }, front.1));
                if front.2 == 0 {
                    signals[usize::from(wait.sem)].pop_front();
                }
            }
        }
        let index = nodes.len();
        for signal in instr.signals.iter().flatten() {
            signals[usize::from(signal.sem)].push_back((pc, index, u32::from(signal.n)));
        }
        nodes.push(Node {
            pc,
            engine,
            joins,
            is_dma: matches!(instr.op, Op::Ld(_) | Op::St(_) | Op::Ldx(_) | Op::Stx(_)),
            tokens,
            fence,
            place: places[engine],
            free_of_charge: poison,
            phase: Phase::Waiting,
            pushed: None,
            push_cause: Cause::Fetch,
            token_time: 0,
            token_cause: None,
            issued: 0,
            start: 0,
            end: 0,
            cause: Cause::Fetch,
        });
        places[engine] += 1;
        if joins {
            fence = Some(index);
        }
    }
    Ok(nodes)
}

impl State<'_> {
    /// Fetches as far as queue slots are known to be free.
    fn fetch(&mut self) {
        while self.fetch_next < self.nodes.len() {
            let node = &self.nodes[self.fetch_next];
            let mut time = self.fetch_free;
            let mut cause = Cause::Fetch;
            if !node.free_of_charge {
                time += self.fetch_ticks;
                if node.place >= self.queue_depth {
                    let before = &self.nodes[self.lanes[node.engine].list[node.place - self.queue_depth]];
                    if before.phase == Phase::Waiting {
                        return;
                    }
                    if before.issued > time {
                        (time, cause) = (before.issued, Cause::Queue(before.pc));
                    }
                }
            }
            let node = &mut self.nodes[self.fetch_next];
            node.pushed = Some(time);
            node.push_cause = cause;
            self.fetch_free = time;
            self.fetch_next += 1;
        }
    }

    /// The next event as (time, node, data phase).
    fn next_event(&self) -> Option<(u64, usize, bool)> {
        let mut best: Option<(u64, usize, bool)> = None;
        let mut offer = |event: (u64, usize, bool)| {
            if best.is_none_or(|b| (event.0, event.1) < (b.0, b.1)) {
                best = Some(event);
            }
        };
        for lane in &self.lanes {
            if lane.next_data < lane.next_issue {
                let node = lane.list[lane.next_data];
                offer((self.data_start(lane, node).0, node, true));
            }
            if let Some(&node) = lane.list.get(lane.next_issue)
                && let Some((time, _)) = self.issue_time(lane, node)
            {
                offer((time, node, false));
            }
        }
        best
    }

    /// The node before on the same engine.
    fn before(&self, lane: &Lane, place: usize, back: usize) -> Option<&Node> {
        place.checked_sub(back).map(|p| &self.nodes[lane.list[p]])
    }

    /// When the data phase (or the whole of an instruction that is no DMA) starts.
    fn data_start(&self, lane: &Lane, node: usize) -> (u64, Cause) {
        let n = &self.nodes[node];
        let ready = n.issued + self.costs[n.pc as usize].latency;
        match self.before(lane, n.place, 1) {
            Some(b) if b.end > ready => (b.end, Cause::Engine(b.pc)),
            _ => (ready, n.cause),
        }
    }

    /// Token time with its cause, if all producers are done.
    fn tokens(&self, node: usize) -> Option<(u64, Option<TokenWait>)> {
        let n = &self.nodes[node];
        let (mut time, mut cause) = (0, None);
        for &(wait, producer) in &n.tokens {
            let p = &self.nodes[producer];
            if p.phase != Phase::Done {
                return None;
            }
            if p.end > time || cause.is_none() {
                (time, cause) = (p.end, Some(wait));
            }
        }
        if let Some(f) = n.fence {
            let f = &self.nodes[f];
            if f.phase != Phase::Done {
                return None;
            }
            if f.end > time {
                (time, cause) = (f.end, Some(TokenWait { sem: None, producer: f.pc }));
            }
        }
        if n.joins {
            if self.done_below < node {
                return None;
            }
            if let Some(latest) = self.latest.filter(|_| self.latest_end > time) {
                let producer = self.nodes[latest].pc;
                (time, cause) = (self.latest_end, Some(TokenWait { sem: None, producer }));
            }
        }
        Some((time, cause))
    }

    /// When the head of a queue leaves it, if that is known.
    fn issue_time(&self, lane: &Lane, node: usize) -> Option<(u64, Cause)> {
        let n = &self.nodes[node];
        let mut best = (n.pushed?, n.push_cause);
        let mut offer = |time: u64, cause: Cause| {
            if time > best.0 {
                best = (time, cause);
            }
        };
        if n.is_dma {
            if let Some(b) = self.before(lane, n.place, 1) {
                offer(b.issued, Cause::Engine(b.pc)); // it has been issued: it is before the head
            }
            if let Some(b) = self.before(lane, n.place, self.in_flight) {
                if b.phase != Phase::Done {
                    return None;
                }
                offer(b.end, Cause::Engine(b.pc));
            }
        } else if let Some(b) = self.before(lane, n.place, 1) {
            if b.phase != Phase::Done {
                return None;
            }
            offer(b.end, Cause::Engine(b.pc));
        }
        let (time, cause) = self.tokens(node)?;
        if let Some(cause) = cause {
            offer(time, Cause::Token(cause));
        }
        Some(best)
    }

    fn issue(&mut self, node: usize) {
        let engine = self.nodes[node].engine;
        let Some((time, cause)) = self.issue_time(&self.lanes[engine], node) else { return };
        let (token_time, token_cause) = self.tokens(node).unwrap_or((0, None));
        let n = &mut self.nodes[node];
        (n.issued, n.cause, n.phase) = (time, cause, Phase::Issued);
        (n.token_time, n.token_cause) = (token_time, token_cause);
        self.lanes[engine].next_issue += 1;
        if !n.is_dma {
            self.execute(node);
        }
    }

    /// Reserves the resources and completes (6.3).
    fn execute(&mut self, node: usize) {
        let engine = self.nodes[node].engine;
        let (start, cause) = self.data_start(&self.lanes[engine], node);
        let pc = self.nodes[node].pc;
        let cost = &self.costs[pc as usize];
        let mut end = start + cost.occupancy;
        let mut held_by = None;
        let banks = cost.banks.iter().map(|&(b, w)| (Resource::Bank(b), w));
        let channels = [(Resource::DramRead, cost.dram_read), (Resource::DramWrite, cost.dram_write)];
        for (resource, work) in banks.chain(channels).filter(|r| r.1 > 0) {
            let (free, user) = self.free.get(&resource).copied().unwrap_or((0, pc));
            let until = free.max(start) + work;
            if until > end {
                (end, held_by) = (until, Some((resource, if free > start { Some(user) } else { None })));
            }
            self.free.insert(resource, (until, pc));
        }
        let n = &mut self.nodes[node];
        (n.start, n.end, n.cause, n.phase) = (start, end, cause, Phase::Done);
        if let Some((resource, Some(user))) = held_by {
            n.cause = Cause::Resource(resource, user);
        }
        let occupancy = cost.occupancy;
        self.account(node, occupancy, held_by.map(|h| h.0));
        self.lanes[engine].next_data += 1;
        if end >= self.latest_end {
            (self.latest_end, self.latest) = (end, Some(node));
        }
        while self.nodes.get(self.done_below).is_some_and(|n| n.phase == Phase::Done) {
            self.done_below += 1;
        }
    }

    /// Splits the time of the engine since its last completion (6.4).
    fn account(&mut self, node: usize, occupancy: u64, held_by: Option<Resource>) {
        let n = &self.nodes[node];
        let lane = &mut self.lanes[n.engine];
        let pushed = n.pushed.unwrap_or(0).clamp(lane.cursor, n.start);
        let idle = pushed - lane.cursor;
        let fetch = if n.free_of_charge { 0 } else { idle.min(self.fetch_ticks) };
        lane.stats.fetch += fetch;
        lane.stats.queue_empty += idle - fetch;
        let token = n.token_time.clamp(pushed, n.start);
        if token > pushed
            && let Some(cause) = n.token_cause
        {
            lane.stats.wait_token += token - pushed;
            *lane.by_token.entry(cause).or_default() += token - pushed;
        }
        lane.stats.busy += n.start - token + occupancy;
        let held = n.end - n.start - occupancy;
        if let Some(resource) = held_by.filter(|_| held > 0) {
            lane.stats.wait_resource += held;
            *lane.by_resource.entry(resource).or_default() += held;
        }
        lane.stats.instructions += 1;
        lane.cursor = n.end;
    }

    /// Ticks by which each node could end later: token, engine and fence edges, in reverse stream order.
    fn slacks(&self, total: u64) -> Vec<u64> {
        let mut late_end = vec![total; self.nodes.len()];
        let mut after_fence = total; // the latest start that everything after the current joining node allows
        for (i, n) in self.nodes.iter().enumerate().rev() {
            if n.joins {
                late_end[i] = late_end[i].min(after_fence);
            }
            let late_start = late_end[i] - (n.end - n.start);
            let late_issue = late_start.saturating_sub(n.start - n.issued);
            if let Some(before) = self.before(&self.lanes[n.engine], n.place, 1) {
                let b = self.lanes[n.engine].list[before.place];
                late_end[b] = late_end[b].min(late_start);
            }
            for &(_, producer) in &n.tokens {
                late_end[producer] = late_end[producer].min(late_issue);
            }
            if n.joins {
                // everything before must end by then; nodes between two joins see the bound below
                after_fence = late_issue;
                for earlier in (0..i).rev() {
                    late_end[earlier] = late_end[earlier].min(late_issue);
                    if self.nodes[earlier].joins {
                        break;
                    }
                }
            } else {
                after_fence = after_fence.min(late_issue);
            }
        }
        late_end.iter().zip(&self.nodes).map(|(late, n)| late.saturating_sub(n.end)).collect()
    }

    fn finish(mut self) -> Schedule {
        let total = self.latest_end;
        let slacks = self.slacks(total);
        let index: BTreeMap<u32, usize> = self.nodes.iter().enumerate().map(|(i, n)| (n.pc, i)).collect();
        let mut critical = Vec::new();
        let mut at = self.latest;
        while let Some(i) = at {
            let n = &self.nodes[i];
            critical.push(CriticalStep { pc: n.pc, slack: slacks[i], cause: n.cause });
            at = n
                .cause
                .pc()
                .and_then(|pc| index.get(&pc).copied())
                .filter(|&p| p != i && critical.len() <= self.nodes.len());
        }
        critical.reverse();
        let times = self
            .nodes
            .iter()
            .map(|n| InstrTime {
                pc: n.pc,
                engine: Engine::from_code(n.engine as u8).unwrap_or_default(),
                pushed: n.pushed.unwrap_or(0),
                issued: n.issued,
                start: n.start,
                end: n.end,
                occupancy: self.costs[n.pc as usize].occupancy,
            })
            .collect();
        let engines = std::array::from_fn(|e| {
            let lane = std::mem::take(&mut self.lanes[e]);
            let mut stats = lane.stats;
            stats.queue_empty += total - lane.cursor;
            stats.by_token = lane.by_token.into_iter().collect();
            stats.by_resource = lane.by_resource.into_iter().collect();
            stats
        });
        Schedule { total, engines, times, critical }
    }
}
