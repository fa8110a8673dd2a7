//! The table of what was found and what it may be.

/// What was found.
#[derive(Default)]
pub(crate) struct Bounds {
    lines: Vec<Line>,
}

struct Line {
    what: String,
    found: f64,
    most: Option<f64>,
}

impl Line {
    fn is_broken(&self) -> bool {
        self.most.is_some_and(|most| self.found > most)
    }
}

impl Bounds {
    /// What may be anything.
    pub(crate) fn fact(&mut self, what: &str, found: f64) {
        self.add(what, found, None);
    }

    /// What may be so much.
    pub(crate) fn at_most(&mut self, what: &str, found: f64, most: f64) {
        self.add(what, found, Some(most));
    }

    fn add(&mut self, what: &str, found: f64, most: Option<f64>) {
        let what = what.to_owned();
        self.lines.push(Line { what, found, most });
    }

    /// Prints the table, and below it what is broken. Whether all holds.
    pub(crate) fn tell(&self) -> bool {
        println!("\n{:<44} {:>12} {:>12}", "", "found", "at most");
        for Line { what, found, most } in &self.lines {
            let most = most.map_or_else(String::new, |most| format!("{most:.1}"));
            println!(
                "{}",
                format!("{what:<44} {found:>12.1} {most:>12}").trim_end()
            );
        }
        let broken: Vec<_> = self.lines.iter().filter(|line| line.is_broken()).collect();
        for Line { what, found, most } in &broken {
            let most = most.unwrap_or_default();
            eprintln!("error: {what}: {found:.1}, which is more than {most:.1}");
        }
        broken.is_empty()
    }
}

/// Bytes in MiB.
#[expect(clippy::cast_precision_loss, reason = "only shown and compared")]
pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// A number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "only shown and compared")]
pub(crate) fn count(count: usize) -> f64 {
    count as f64
}
