//! How many lines a second one core finds the patterns of.
//!
//!     cargo run --release -p insights --example patterns_speed -- FILE…
//!
//! Each file is read into memory and its lines are taken in three times, by one state. Without files, lines are made up: JSON as
//! applications write it, access logs, plain texts; and then lines of which every one is a template of its own, three times as many as
//! are kept, to see what the most templates take.

#![allow(clippy::print_stdout, reason = "a measuring program prints what it measured")]

use std::time::Instant;

use insights::Patterns;
use insights::limits::TEMPLATES_MAX;

fn main() -> std::io::Result<()> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    for file in &files {
        let text = String::from_utf8_lossy(&std::fs::read(file)?).into_owned();
        measure(file, &text);
    }
    if files.is_empty() {
        measure("made-up", &made_up(200_000));
        crowd(3 * TEMPLATES_MAX as u64)?;
    }
    Ok(())
}

fn measure(name: &str, text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    let mut patterns = Patterns::default();
    for round in 1..=3 {
        let start = Instant::now();
        for line in &lines {
            patterns.step(line);
        }
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{name}: round {round}: {:.2} million lines/s, {:.0} MB/s, {} templates, {} evicted",
            lines.len() as f64 / seconds / 1e6,
            text.len() as f64 / seconds / 1e6,
            patterns.len(),
            patterns.evicted()
        );
    }
}

/// Lines that nothing joins: what the state takes once it is full, and after that.
fn crowd(lines: u64) -> std::io::Result<()> {
    let mut patterns = Patterns::default();
    let before = resident_bytes()?;
    for number in 0..lines {
        let mut line = String::new();
        for word in 0..12_u64 {
            let mut letters = (number * 12 + word + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            line.push(' ');
            for _ in 0..8 {
                line.push(char::from(b'a' + (letters % 26) as u8));
                letters /= 26;
            }
        }
        patterns.step(&line);
        if (number + 1).is_multiple_of(TEMPLATES_MAX as u64) {
            println!(
                "crowd: {} lines, {} templates, {} evicted, {} MB more in memory",
                number + 1,
                patterns.len(),
                patterns.evicted(),
                (resident_bytes()?.saturating_sub(before)) >> 20
            );
        }
    }
    Ok(())
}

/// What the process has in memory, as Linux tells it.
fn resident_bytes() -> std::io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    Ok(kilobytes.unwrap_or_default() << 10)
}

fn made_up(count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        let line = match number % 10 {
            0..6 => format!(
                "{{\"ts\":\"2026-01-01T00:{:02}:00.{:06}Z\",\"level\":\"info\",\"msg\":\"order placed\",\"order_id\":{number},\
                 \"duration_ms\":{}.{},\"trace_id\":\"{:032x}\",\"user\":\"u{}\",\"route\":\"/api/v1/orders/{number}\"}}\n",
                number % 60,
                number,
                number % 97,
                number % 10,
                number * 7919,
                number % 1000
            ),
            6..9 => format!(
                "10.0.{}.{} - - [01/Jan/2026:00:00:{:02} +0000] \"GET /api/items/{number}?page={} HTTP/1.1\" 200 {} \"-\" \
                 \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36\"\n",
                number % 256,
                number % 199,
                number % 60,
                number % 7,
                number * 31 % 9999
            ),
            _ => format!(
                "connection from 10.1.2.{}:{} closed after {} ms\n",
                number % 256,
                number % 65536,
                number % 999
            ),
        };
        text.push_str(&line);
    }
    text
}
