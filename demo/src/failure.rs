//! Why the program ends early: one line for the user, and an exit code for scripts.

use std::fmt;

#[derive(Debug)]
pub enum Failure {
    /// What the user gave cannot be used. Nothing has been written.
    Input(String),
    /// Something went wrong on the way.
    Running(String),
}

impl Failure {
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Running(_) => 1,
            Failure::Input(_) => 2,
        }
    }
}

impl fmt::Display for Failure {
    /// Always one line, also if a file name has line ends in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Failure::Input(text) | Failure::Running(text)) = self;
        let one_line: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        write!(f, "rustfiber-demo: {one_line}")
    }
}
