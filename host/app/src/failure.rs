//! How a command ends when it doesn't end well: one case per exit code.
//!
//! Guarantees: every failure has exactly one exit code of the command reference, and a refusal
//! always carries its reason code. Does not print anything; `main` does.

use stockade_core::risk::Refusal;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It was tried and failed: exit code 1.
    #[error("{}", chain(.0))]
    Failed(anyhow::Error),
    /// The command line, the configuration or an input file is wrong: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A rule said no: exit code 3.
    #[error("refused ({code}): {message}")]
    Refused {
        /// The stable reason code.
        code: String,
        /// The reason with its numbers.
        message: String,
    },
    /// The thing that was named does not exist: exit code 4.
    #[error("{what} \"{name}\" is not known")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Its name, as given.
        name: String,
    },
    /// The data folder has no books to read: exit code 4.
    #[error(
        "the data folder {data} {why} (--data; stockade run or stockade sleeve create begins the books)"
    )]
    NoBooks {
        /// The folder.
        data: String,
        /// What it lacks.
        why: &'static str,
    },
    /// Only a running host can do it: exit code 5.
    #[error("the host is not running: {needs} needs it (stockade run)")]
    NotRunning {
        /// What needs it.
        needs: String,
    },
    /// Whoever read the output has gone: nothing is wrong, exit code 0.
    #[error("the output was closed")]
    OutputClosed,
}

impl Failure {
    /// The exit code of the command reference.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Refused { .. } => 3,
            Self::NotFound { .. } | Self::NoBooks { .. } => 4,
            Self::NotRunning { .. } => 5,
        }
    }

    /// A refusal by a rule; what is unknown is not found rather than refused.
    pub(crate) fn refused(refusal: &Refusal) -> Self {
        if let Refusal::NotFound { what, name } = refusal {
            return Self::NotFound { what: known_noun(what), name: name.clone() };
        }
        // A control that does not exist, or a value that it does not take, is wrong usage.
        match refusal {
            Refusal::UnknownSetting { .. } => return Self::Usage(refusal.to_string()),
            Refusal::NotAllowed { what, name, why } if what == "setting" => {
                return Self::Usage(format!("{name}: {why}"));
            }
            _ => {}
        }
        Self::Refused { code: refusal.code().to_owned(), message: refusal.to_string() }
    }
}

/// The nouns that the core looks up by name.
fn known_noun(what: &str) -> &'static str {
    ["sleeve", "bot", "order", "break", "position", "plugin", "symbol", "account"]
        .into_iter()
        .find(|noun| *noun == what)
        .unwrap_or("name")
}

/// The causes of an error on one line, without repeating what a cause already says.
fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

impl From<anyhow::Error> for Failure {
    /// A failure that was carried through `anyhow` keeps its exit code.
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(failure) => failure,
            Err(error) if closed_pipe(&error) => Self::OutputClosed,
            Err(error) => Self::Failed(error),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::from(anyhow::Error::from(error))
    }
}

/// Whether a write failed because the reader of a pipe has gone.
fn closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_has_its_exit_code() {
        let refused = Failure::refused(&Refusal::WarmUp);
        let not_found = Failure::NotFound { what: "sleeve", name: "x".to_owned() };
        assert_eq!(Failure::Failed(anyhow::anyhow!("x")).exit_code(), 1);
        assert_eq!(Failure::Usage("x".to_owned()).exit_code(), 2);
        assert_eq!(refused.exit_code(), 3);
        assert_eq!(not_found.exit_code(), 4);
        assert_eq!(Failure::NotRunning { needs: "x".to_owned() }.exit_code(), 5);
    }

    #[test]
    fn a_refusal_shows_its_code_and_its_text() {
        let text = Failure::refused(&Refusal::OrderRate { found: 61, allowed: 60 }).to_string();
        assert_eq!(
            text,
            "refused (order_rate): 61 orders in the last minute, at most 60 are allowed (order_rate)"
        );
    }

    #[test]
    fn what_is_unknown_is_not_found() {
        let refusal = Refusal::NotFound { what: "sleeve".to_owned(), name: "dip".to_owned() };
        let failure = Failure::refused(&refusal);
        assert_eq!(failure.exit_code(), 4);
        assert_eq!(failure.to_string(), "sleeve \"dip\" is not known");
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let error = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert_eq!(Failure::from(error).exit_code(), 0);
    }

    #[test]
    fn a_failure_keeps_its_code_through_anyhow() {
        let carried = anyhow::Error::new(Failure::Usage("x".to_owned()));
        assert_eq!(Failure::from(carried).exit_code(), 2);
    }
}
