//! Whether a row keeps its budget.

use crate::peers::{OURS, SERIAL};

/// What a figure of rustfiber is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    /// At most this much, in the row's unit.
    AtMost(f64),
    /// At most so many times what this peer takes.
    Times(f64, &'static str),
    /// At most so many times what the best peer takes.
    Best(f64),
    /// At most so many times what the best peer takes, one aside.
    BestBut(f64, &'static str),
}

/// One condition on a row.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    pub row: &'static str,
    /// At this number of workers, or at any.
    pub workers: Option<usize>,
    pub bar: Bar,
}

/// The figures of a row, by peer.
pub type Figures = [(&'static str, f64)];

impl Budget {
    pub fn applies_to(&self, row: &str, workers: usize) -> bool {
        self.row == row && self.workers.is_none_or(|only| only == workers)
    }

    /// Whether the budget is kept; `None` if a figure that it needs was not measured.
    pub fn is_kept(&self, figures: &Figures) -> Option<bool> {
        let bar = match self.bar {
            Bar::AtMost(most) => most,
            Bar::Times(times, peer) => times * figure(figures, peer)?,
            Bar::Best(times) => times * best_peer(figures, "")?.1,
            Bar::BestBut(times, aside) => times * best_peer(figures, aside)?.1,
        };
        Some(figure(figures, OURS)? <= bar)
    }
}

impl Bar {
    /// Whether the figures of all peers are needed.
    pub fn needs_all(self) -> bool {
        matches!(self, Self::Best(_) | Self::BestBut(..))
    }
}

impl std::fmt::Display for Bar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let times = |times: f64| match times {
            1.0 => String::new(),
            _ => format!("{times}x "),
        };
        match *self {
            Self::AtMost(most) => write!(f, "<= {most}"),
            Self::Times(n, peer) => write!(f, "<= {}{peer}", times(n)),
            Self::Best(n) => write!(f, "<= {}best", times(n)),
            Self::BestBut(n, aside) => write!(f, "<= {}best but {aside}", times(n)),
        }
    }
}

pub fn figure(figures: &Figures, peer: &str) -> Option<f64> {
    let found = figures.iter().find(|(name, _)| *name == peer);
    found.map(|&(_, figure)| figure)
}

/// The least figure of a peer; rustfiber is none, and neither is serial work.
pub fn best_peer(figures: &Figures, aside: &str) -> Option<(&'static str, f64)> {
    let peers = figures
        .iter()
        .filter(|(name, _)| ![OURS, SERIAL, aside].contains(name));
    peers.copied().min_by(|(_, a), (_, b)| a.total_cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIGURES: &Figures = &[
        ("rustfiber", 10.0),
        ("serial", 1.0),
        ("chili", 9.0),
        ("rayon", 20.0),
    ];

    fn is_kept(bar: Bar) -> Option<bool> {
        let budget = Budget {
            row: "row",
            workers: None,
            bar,
        };
        budget.is_kept(FIGURES)
    }

    #[test]
    fn bars_compare_with_what_they_name() {
        assert_eq!(is_kept(Bar::AtMost(10.0)), Some(true));
        assert_eq!(is_kept(Bar::AtMost(9.9)), Some(false));
        assert_eq!(is_kept(Bar::Times(1.2, "chili")), Some(true));
        assert_eq!(is_kept(Bar::Times(0.4, "rayon")), Some(false));
        assert_eq!(is_kept(Bar::Times(2.0, "serial")), Some(false));
        assert_eq!(is_kept(Bar::Best(1.0)), Some(false));
        assert_eq!(is_kept(Bar::BestBut(1.0, "chili")), Some(true));
    }

    #[test]
    fn what_was_not_measured_is_not_judged() {
        assert_eq!(is_kept(Bar::Times(1.0, "forte")), None);
        let budget = Budget {
            row: "row",
            workers: Some(2),
            bar: Bar::Best(1.0),
        };
        assert_eq!(budget.is_kept(&[("rustfiber", 1.0), ("serial", 2.0)]), None);
        assert!(budget.applies_to("row", 2) && !budget.applies_to("row", 1));
    }

    #[test]
    fn bars_read_well() {
        assert_eq!(Bar::Best(1.0).to_string(), "<= best");
        assert_eq!(Bar::Times(1.2, "chili").to_string(), "<= 1.2x chili");
        assert_eq!(Bar::AtMost(25.0).to_string(), "<= 25");
    }
}
