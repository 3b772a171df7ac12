//! Traces that Perfetto and chrome://tracing open: the JSON array format, one track per engine.

use std::fmt::Write as _;

use isa::{Engine, Program};

use crate::timing::{TICKS, TimingStats};

/// Renders a run. One microsecond of the trace is one cycle; `dur` has three decimals (a tick is 0.0039 cycles).
pub fn chrome_json(program: &Program, stats: &TimingStats) -> String {
    let mut events: Vec<String> = Engine::ALL
        .iter()
        .map(|e| {
            let tid = e.code();
            format!("{{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":0,\"tid\":{tid},\"args\":{{\"name\":\"{e}\"}}}}")
        })
        .collect();
    for t in &stats.instructions {
        let name = program.code.get(t.pc as usize).map_or("?", |instr| isa::layout::of(&instr.op).mnemonic);
        let debug = program.debug_of(t.pc);
        let nodes = debug.map_or(String::new(), |d| format!("{:?}", d.nodes));
        let provenance = debug.map_or(String::new(), |d| escape(&d.provenance));
        events.push(format!(
            "{{\"ph\":\"X\",\"name\":\"{name} @{}\",\"pid\":0,\"tid\":{},\"ts\":{},\"dur\":{},\"args\":{{\"pc\":{},\
             \"pushed\":{},\"issued\":{},\"nodes\":\"{nodes}\",\"from\":\"{provenance}\"}}}}",
            t.pc,
            t.engine.code(),
            cycles(t.start),
            cycles(t.end - t.start),
            t.pc,
            cycles(t.pushed),
            cycles(t.issued),
        ));
    }
    format!("{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n{}\n]}}\n", events.join(",\n"))
}

/// Ticks as a decimal number of cycles with three places, without floats.
fn cycles(ticks: u64) -> String {
    format!("{}.{:03}", ticks / TICKS, ticks % TICKS * 1000 / TICKS)
}

/// Text inside a JSON string.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c)); // writing to a String cannot fail
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_json() {
        assert_eq!(escape("a\"b\\c\n"), "a\\\"b\\\\c\\u000a");
        assert_eq!(cycles(256 * 3 + 128), "3.500");
    }
}
