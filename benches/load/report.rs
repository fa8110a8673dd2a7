//! The table: one line for each measurement, as soon as there is one.

use crate::drive::{Measure, by_rate};
use std::time::Duration;

/// One line.
pub(crate) struct Row<'a> {
    /// What was measured.
    pub(crate) name: &'a str,
    /// What came of it, once for each round.
    pub(crate) rounds: &'a [Measure],
    /// Calls of `fsync` and `fdatasync` for each request, if they were counted.
    pub(crate) syncs: Option<f64>,
    /// What else there is to say.
    pub(crate) remark: String,
}

/// Prints what follows, and the names of the columns.
pub(crate) fn title(text: &str) {
    heading(text);
    println!(
        "{:<38} {:>9} {:>10} {:>8} {:>8} {:>8} {:>8} {:>9}",
        "", "req/s", "props/s", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "syncs/req"
    );
}

/// Prints what follows.
pub(crate) fn heading(text: &str) {
    println!("\n{text}\n");
}

impl Row<'_> {
    /// Prints the line and below it what went wrong, and counts that.
    pub(crate) fn print(&self) -> usize {
        let sorted = by_rate(self.rounds);
        if let Some(median) = sorted.get(sorted.len() / 2) {
            self.print_line(median, &sorted);
        }
        for (error, measure) in sorted
            .iter()
            .filter_map(|m| Some((m.first_error.as_ref()?, m)))
        {
            println!("    {} errors, one of them: {error}", measure.errors);
        }
        sorted.iter().map(|measure| measure.errors).sum()
    }

    fn print_line(&self, median: &Measure, sorted: &[&Measure]) {
        let syncs = self.syncs.map(|syncs| format!("{syncs:.2}"));
        let spread = match sorted {
            [lowest, .., highest] => format!(
                "{} to {} req/s",
                grouped(lowest.requests_per_sec()),
                grouped(highest.requests_per_sec())
            ),
            _ => String::new(),
        };
        let line = format!(
            "{:<38} {:>9} {:>10} {:>8} {:>8} {:>8} {:>8} {:>9}  {} {}",
            self.name,
            grouped(median.requests_per_sec()),
            grouped(median.properties_per_sec()),
            millis(median.quantile(500)),
            millis(median.quantile(990)),
            millis(median.quantile(999)),
            millis(median.quantile(1000)),
            syncs.as_deref().unwrap_or("-"),
            self.remark,
            spread,
        );
        println!("{}", line.trim_end());
    }
}

/// Prints a single number.
pub(crate) fn fact(name: &str, value: &str) {
    println!("{name:<66} {value:>12}");
}

/// A duration in milliseconds.
pub(crate) fn millis(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}

/// A number without fraction, with a comma after each three digits.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
