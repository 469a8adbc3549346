//! The releases of the contract, and which one a component was built for.

use std::fmt;

/// A version as components name it. What follows the minor number changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) major: u32,
    pub(crate) minor: u32,
}

impl Version {
    /// Reads `MAJOR.MINOR` or `MAJOR.MINOR.PATCH`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.');
        let mut number = || numbers.next()?.parse().ok();
        let version = Self { major: number()?, minor: number()? };
        let patch = numbers.next().is_none_or(|patch| patch.parse::<u32>().is_ok());
        (patch && numbers.next().is_none()).then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A release.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) version: Version,
    /// What a component of it exports, besides what those of the release before export.
    pub(crate) exports: &'static [&'static str],
}

/// Every release that this host speaks, oldest first: one major number, and no gap.
pub(crate) const RELEASES: &[Release] = &[
    Release {
        version: Version { major: 1, minor: 0 },
        exports: &[
            "lifecycle",
            "on-bars",
            "on-quotes",
            "on-trades",
            "on-orders",
            "on-timer",
            "on-session",
        ],
    },
    Release { version: Version { major: 1, minor: 1 }, exports: &["on-actions"] },
];

/// What this host speaks, in words: `1.0`, or `1.0 to 1.2`.
pub(crate) fn spoken() -> String {
    match RELEASES {
        [only] => only.version.to_string(),
        [first, .., last] => format!("{} to {}", first.version, last.version),
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_by_their_numbers() {
        let version = |major, minor| Some(Version { major, minor });
        assert_eq!(Version::parse("1.0.0"), version(1, 0));
        assert_eq!(Version::parse("1.12"), version(1, 12));
        for none in ["", "1", "1.", "1.x", "1.0.x", "1.0.0.0", "1.0.0-rc1", "v1.0"] {
            assert_eq!(Version::parse(none), None, "{none}");
        }
    }

    #[test]
    fn releases_follow_one_another() {
        for (minor, release) in (0..).zip(RELEASES) {
            assert_eq!(release.version, Version { major: 1, minor });
        }
    }
}
