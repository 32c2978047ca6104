//! The result: medians over rounds, ratios to the first server within each round.

use std::fmt;

use crate::load::Cost;

/// What was measured, a row a server.
pub(crate) struct Table(Vec<Row>);

struct Row {
    name: String,
    costs: Vec<Cost>,
    /// Bytes. `None`: it was not measured.
    idle: Option<u64>,
}

impl Row {
    /// Processor time per request to that of another row, round by round, the least first.
    fn ratios(&self, to: &Row) -> Vec<f64> {
        let rounds = self.costs.iter().zip(&to.costs);
        sorted(rounds.map(|(cost, other)| cost.cpu_microseconds / other.cpu_microseconds))
    }
}

impl Table {
    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self(names.map(|name| Row { name: name.to_owned(), costs: Vec::new(), idle: None }).collect())
    }

    pub(crate) fn add(&mut self, name: &str, cost: Cost) {
        self.row(name).costs.push(cost);
    }

    pub(crate) fn add_idle(&mut self, name: &str, bytes: u64) {
        self.row(name).idle = Some(bytes);
    }

    /// Each server with its median ratio to the first.
    pub(crate) fn ratios(&self) -> Vec<(&str, f64)> {
        self.0.iter().map(|row| (&*row.name, median(&row.ratios(&self.0[0])))).collect()
    }

    /// The median of a server's processor time per request.
    pub(crate) fn cpu_microseconds(&self, name: &str) -> f64 {
        let row = self.0.iter().find(|row| row.name == name).expect("the table was made with every name");
        median(&sorted(row.costs.iter().map(|cost| cost.cpu_microseconds)))
    }

    fn row(&mut self, name: &str) -> &mut Row {
        self.0.iter_mut().find(|row| row.name == name).expect("the table was made with every name")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| server | requests/s | CPU µs/request | ratio (min to max) | p50, p99 µs | MiB | KiB/idle connection |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        for row in &self.0 {
            let ratios = row.ratios(&self.0[0]);
            writeln!(
                f,
                "| {} | {:.0} | {:.1} | {:.2} ({:.2} to {:.2}) | {:.0}, {:.0} | {:.0} | {} |",
                row.name,
                median(&sorted(row.costs.iter().map(|cost| cost.requests_per_second))),
                median(&sorted(row.costs.iter().map(|cost| cost.cpu_microseconds))),
                median(&ratios),
                ratios.first().copied().unwrap_or(f64::NAN),
                ratios.last().copied().unwrap_or(f64::NAN),
                median(&sorted(row.costs.iter().map(|cost| cost.median.as_secs_f64() * 1e6))),
                median(&sorted(row.costs.iter().map(|cost| cost.p99.as_secs_f64() * 1e6))),
                median(&sorted(row.costs.iter().map(|cost| cost.memory as f64 / (1 << 20) as f64))),
                row.idle.map_or_else(|| "".to_owned(), |idle| format!("{:.1}", idle as f64 / 1024.0)),
            )?;
        }
        Ok(())
    }
}

fn sorted(figures: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures
}

fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
