use clap::CommandFactory;

use super::*;

fn parse_line(line: &str) -> Result<Asked, String> {
    let words = std::iter::once("rustfiber-demo").chain(line.split_whitespace());
    parse(words.map(Into::into))
}

#[test]
fn the_command_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn defaults() {
    let Ok(Asked::Run(cli)) = parse_line("") else {
        panic!("no options are needed");
    };
    assert_eq!((cli.frames, cli.size.to_string().as_str()), (60, "512x288"));
    assert_eq!(cli.out, PathBuf::from("target/frames"));
}

#[test]
fn bad_values_are_one_line() {
    for line in [
        "--frames 0",
        "--frames x",
        "--workers 0",
        "--workers 1000000",
        "--size 0x0",
        "--size 640",
        "--size 99999x99999",
        "--colour",
        "stray",
        "--out",
    ] {
        let Err(error) = parse_line(line) else {
            panic!("{line} is accepted");
        };
        assert!(
            !error.contains('\n') && !error.is_empty(),
            "{line}: {error}"
        );
    }
}
