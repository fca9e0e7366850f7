//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::picture::Size;

#[cfg(test)]
mod tests;

/// Renders an animation of Stanford bunnies in Naughty Dog's style: each frame is animated, its bounding-volume tree
/// rebuilt, its tiles ray cast and its PNG encoded by jobs on fibers, three frames at a time. Then the same frames are
/// rendered by plain loops, to check the pixels and to compare the times.
#[derive(Debug, Parser)]
#[command(name = "rustfiber-demo", version)]
pub struct Cli {
    /// How many frames
    #[arg(
        long,
        value_name = "N",
        default_value_t = 60,
        allow_hyphen_values = true,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    pub frames: u32,

    /// Width and height in pixels
    #[arg(
        long,
        value_name = "WxH",
        default_value = "512x288",
        allow_hyphen_values = true
    )]
    pub size: Size,

    /// How many workers; one per available core unless told otherwise. Of no effect with --serial
    #[arg(
        long,
        value_name = "N",
        allow_hyphen_values = true,
        value_parser = clap::value_parser!(u16).range(1..=1024)
    )]
    pub workers: Option<u16>,

    /// The folder for frame_000.png and onward; created if missing
    #[arg(long, value_name = "DIR", default_value = "target/frames")]
    pub out: PathBuf,

    /// A mesh to show instead of the bunny
    #[arg(long, value_name = "FILE.obj")]
    pub mesh: Option<PathBuf>,

    /// Render with plain loops and no job system
    #[arg(long)]
    pub serial: bool,

    /// Don't render the frames a second time to compare
    #[arg(long)]
    pub no_compare: bool,

    /// Print one JSON object on the last line of the standard output instead of the table. What was not measured is
    /// null: jobs, waits and the like with --serial, the comparison with --serial or --no-compare
    #[arg(long)]
    pub json: bool,
}

/// What the command line asks for.
pub enum Asked {
    Run(Cli),
    /// Help or version, to be printed.
    Text(String),
}

/// Reads the command line. The error is one line.
pub fn parse(words: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Asked, String> {
    use clap::error::ErrorKind;
    match Cli::try_parse_from(words) {
        Ok(cli) => Ok(Asked::Run(cli)),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Ok(Asked::Text(error.to_string()))
            }
            _ => Err(first_line(&error.to_string())),
        },
    }
}

/// clap explains over several lines; the first paragraph says what is wrong.
fn first_line(text: &str) -> String {
    let paragraph: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    let joined = paragraph.join(" ");
    joined.strip_prefix("error: ").unwrap_or(&joined).to_owned()
}
