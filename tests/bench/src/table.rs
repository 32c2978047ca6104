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

    fn row(&mut self, name: &str) -> &mut Row {
        self.0.iter_mut().find(|row| row.name == name).expect("the table was made with every name")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| server | requests/s | CPU µs/request | ratio (min to max) | p50, p99 µs | KiB/idle connection |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        let native = &self.0[0].costs;
        for row in &self.0 {
            let ratios =
                row.costs.iter().zip(native).map(|(cost, native)| cost.cpu_microseconds / native.cpu_microseconds);
            let ratios = sorted(ratios);
            writeln!(
                f,
                "| {} | {:.0} | {:.1} | {:.2} ({:.2} to {:.2}) | {:.0}, {:.0} | {} |",
                row.name,
                median(&sorted(row.costs.iter().map(|cost| cost.requests_per_second))),
                median(&sorted(row.costs.iter().map(|cost| cost.cpu_microseconds))),
                median(&ratios),
                ratios.first().copied().unwrap_or(f64::NAN),
                ratios.last().copied().unwrap_or(f64::NAN),
                median(&sorted(row.costs.iter().map(|cost| cost.median.as_secs_f64() * 1e6))),
                median(&sorted(row.costs.iter().map(|cost| cost.p99.as_secs_f64() * 1e6))),
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
