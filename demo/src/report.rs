//! What the program says at its end: a table for people, or one JSON object for scripts.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::{Clock, Stage};
use crate::picture::Size;

/// What was rendered, and how long it took.
pub struct Report {
    pub checksum: u64,
    pub frames: u32,
    pub size: Size,
    pub bunnies: usize,
    pub triangles: usize,
    pub out: PathBuf,
    pub wall: Duration,
    pub clock: Clock,
    /// `None` with `--serial`.
    pub jobs: Option<JobReport>,
    /// The same frames by plain loops, after those by jobs.
    pub compared: Option<Compared>,
}

/// What the job system counted.
pub struct JobReport {
    pub workers: usize,
    pub jobs: u64,
    pub waits: u64,
    pub switches: u64,
    pub steals: u64,
    pub parks: u64,
    pub busy: Duration,
}

pub struct Compared {
    pub wall: Duration,
    pub clock: Clock,
}

impl Report {
    fn speedup(&self) -> Option<f64> {
        let serial = self.compared.as_ref()?.wall;
        Some(serial.as_secs_f64() / self.wall.as_secs_f64())
    }

    fn busy_workers(&self) -> Option<f64> {
        let busy = self.jobs.as_ref()?.busy;
        Some(busy.as_secs_f64() / self.wall.as_secs_f64())
    }

    fn per_frame(&self, total: Duration) -> f64 {
        total.as_secs_f64() * 1e3 / f64::from(self.frames)
    }

    /// One line, keys in alphabetical order.
    pub fn json(&self) -> String {
        let stages: serde_json::Map<String, Value> = Stage::ALL
            .iter()
            .map(|&stage| {
                let serial = self
                    .compared
                    .as_ref()
                    .map(|c| ms(c.clock.total_work(stage)));
                let times = json!({
                    "work_ms": ms(self.clock.total_work(stage)),
                    "latency_ms": ms(self.clock.total_latency(stage)),
                    "serial_ms": serial,
                });
                (stage.name().to_owned(), times)
            })
            .collect();
        let jobs = self.jobs.as_ref();
        json!({
            "checksum": format!("{:016x}", self.checksum),
            "frames": self.frames,
            "width": self.size.width,
            "height": self.size.height,
            "instances": self.bunnies,
            "triangles": self.triangles,
            "out": self.out.display().to_string(),
            "serial": self.jobs.is_none(),
            "wall_ms": ms(self.wall),
            "stages": stages,
            "workers": jobs.map(|j| j.workers),
            "jobs": jobs.map(|j| j.jobs),
            "waits": jobs.map(|j| j.waits),
            "switches": jobs.map(|j| j.switches),
            "steals": jobs.map(|j| j.steals),
            "parks": jobs.map(|j| j.parks),
            "workers_busy": self.busy_workers().map(rounded),
            "serial_ms": self.compared.as_ref().map(|c| ms(c.wall)),
            "speedup": self.speedup().map(rounded),
        })
        .to_string()
    }

    pub fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_table(&mut text);
        text
    }

    fn write_table(&self, to: &mut String) -> std::fmt::Result {
        let Report {
            frames,
            size,
            bunnies,
            triangles,
            ..
        } = self;
        writeln!(
            to,
            "{frames} frames of {size}, {bunnies} meshes of {triangles} triangles each, in {}\n",
            self.out.display()
        )?;
        self.write_stages(to)?;
        if let Some(jobs) = &self.jobs {
            let busy = self.busy_workers().unwrap_or_default();
            writeln!(to)?;
            writeln!(to, "jobs run            {:>10}", jobs.jobs)?;
            writeln!(to, "waits               {:>10}", jobs.waits)?;
            writeln!(to, "switches            {:>10}", jobs.switches)?;
            writeln!(to, "steals              {:>10}", jobs.steals)?;
            writeln!(to, "parks               {:>10}", jobs.parks)?;
            writeln!(to, "mean workers busy   {busy:>10.2}  of {}", jobs.workers)?;
        }
        writeln!(to)?;
        let how = if self.jobs.is_some() {
            "with jobs"
        } else {
            "serially"
        };
        writeln!(to, "{how:<19} {:>10.2} s", self.wall.as_secs_f64())?;
        if let (Some(compared), Some(speedup)) = (&self.compared, self.speedup()) {
            writeln!(
                to,
                "serially            {:>10.2} s",
                compared.wall.as_secs_f64()
            )?;
            writeln!(to, "speed-up            {speedup:>10.2}")?;
        }
        let same = match self.compared {
            Some(_) => ", the same for both",
            None => "",
        };
        writeln!(to, "checksum      {:016x}{same}", self.checksum)
    }

    fn write_stages(&self, to: &mut String) -> std::fmt::Result {
        let Some(jobs) = &self.jobs else {
            writeln!(to, "ms per frame          work")?;
            return Stage::ALL.iter().try_for_each(|&stage| {
                let work = self.per_frame(self.clock.total_work(stage));
                writeln!(to, "{:<16} {work:>9.2}", stage.name())
            });
        };
        let serial_title = if self.compared.is_some() {
            "serial work"
        } else {
            ""
        };
        writeln!(to, "ms per frame          work   latency   {serial_title}")?;
        for stage in Stage::ALL {
            let work = self.per_frame(self.clock.total_work(stage));
            let latency = self.per_frame(self.clock.total_latency(stage));
            write!(to, "{:<16} {work:>9.2} {latency:>9.2}", stage.name())?;
            match &self.compared {
                Some(compared) => {
                    let serial = self.per_frame(compared.clock.total_work(stage));
                    writeln!(to, " {serial:>13.2}")?;
                }
                None => writeln!(to)?,
            }
        }
        let workers = jobs.workers;
        writeln!(
            to,
            "(work: the time of all jobs of the stage; latency: from its start to its end,\n \
             while the frames in flight share the {workers} workers)"
        )
    }
}

fn ms(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1e3)
}

fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
