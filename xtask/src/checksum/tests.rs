use super::*;

#[test]
fn takes_the_last_line() {
    let stdout = "stage  time\n{\"checksum\": 1}\n{\"jobs\": 5, \"checksum\": \"00ff\"}\n";
    assert_eq!(checksum_in(stdout).unwrap(), "00ff");
}

#[test]
fn keeps_all_digits_of_a_number() {
    let stdout = format!("{{\"checksum\": {}}}", u64::MAX);
    assert_eq!(checksum_in(&stdout).unwrap(), u64::MAX);
}

#[test]
fn refuses_output_without_a_checksum() {
    for stdout in ["", "\n", "done", "[1]", "{}", "{\"checksum\": null}"] {
        assert!(checksum_in(stdout).is_err(), "{stdout:?}");
    }
}

#[test]
fn options_have_the_defaults_of_ci() {
    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }
    let parse = |args: &[&str]| <Cli as clap::Parser>::try_parse_from(args).map(|c| c.options);
    let options = parse(&["checksum"]).unwrap();
    assert_eq!((options.rounds, options.workers), (1, vec![1, 2, 3, 8]));
    let options = parse(&["checksum", "--rounds", "50", "--workers", "2,4"]).unwrap();
    assert_eq!((options.rounds, options.workers), (50, vec![2, 4]));
}
