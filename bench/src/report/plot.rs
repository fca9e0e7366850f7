//! One bar chart per row.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Line, number};
use crate::peers::OURS;

const SIZE: (u32, u32) = (720, 400);
const FONT: (&str, u32) = ("sans-serif", 14);

/// Bars are cut off at so many times the longest of ours, which they would hide.
const TALLEST: f64 = 20.0;

/// Draws `DIR/<row>.svg` for each row: a group of bars per number of workers, a bar per peer.
pub fn draw(dir: &Path, lines: &[Line]) -> Result<(), Box<dyn Error + Send + Sync>> {
    for of_row in lines.chunk_by(|one, next| one.row.name == next.row.name) {
        let name = of_row[0].row.name;
        let path = dir.join(format!("{name}.svg"));
        chart(&path, of_row).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

struct Bar {
    label: String,
    figure: f64,
    is_ours: bool,
}

fn bars(lines: &[Line]) -> Vec<Bar> {
    let bars = lines.iter().flat_map(|line| {
        line.figures.iter().map(|&(peer, summary)| Bar {
            label: format!("{peer}, {}", line.workers),
            figure: summary.median,
            is_ours: peer == OURS,
        })
    });
    bars.collect()
}

fn chart(path: &Path, lines: &[Line]) -> Result<(), Box<dyn Error>> {
    let row = lines[0].row;
    let bars = bars(lines);
    let figures = || bars.iter().map(|bar| bar.figure);
    let ours = bars.iter().filter(|bar| bar.is_ours).map(|bar| bar.figure);
    let limit = match ours.fold(0.0, f64::max) {
        0.0 => f64::MAX,
        ours => TALLEST * ours,
    };
    let most = figures().fold(f64::MIN_POSITIVE, f64::max).min(limit);
    let height = SIZE.1.max(26 * bars.len() as u32 + 80);

    let area = SVGBackend::new(path, (SIZE.0, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let title = format!("{} ({}; less is better)", row.name, row.unit.name());
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .y_label_area_size(150)
        .x_label_area_size(24)
        // Room for the number beside the longest bar.
        .build_cartesian_2d(0.0..most * 1.15, (0..bars.len()).into_segmented())?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .label_style(FONT)
        .y_labels(bars.len())
        .y_label_formatter(&|segment| match segment {
            SegmentValue::CenterOf(n) | SegmentValue::Exact(n) => {
                // The first bar is at the top.
                let bar = bars.iter().rev().nth(*n);
                bar.map_or(String::new(), |bar| bar.label.clone())
            }
            SegmentValue::Last => String::new(),
        })
        .draw()?;
    chart.draw_series(bars.iter().rev().enumerate().map(|(n, bar)| {
        let color = if bar.is_ours {
            RGBColor(200, 80, 30)
        } else {
            RGBColor(110, 130, 160)
        };
        let corners = [
            (0.0, SegmentValue::Exact(n)),
            (bar.figure.min(most), SegmentValue::Exact(n + 1)),
        ];
        let mut rectangle = Rectangle::new(corners, color.filled());
        rectangle.set_margin(3, 3, 0, 0);
        rectangle
    }))?;
    let style = FONT
        .into_font()
        .color(&BLACK)
        .pos(Pos::new(HPos::Left, VPos::Center));
    chart.draw_series(bars.iter().rev().enumerate().map(|(n, bar)| {
        let place = (bar.figure.min(most), SegmentValue::CenterOf(n));
        Text::new(format!(" {}", number(bar.figure)), place, style.clone())
    }))?;
    area.present()?;
    Ok(())
}
