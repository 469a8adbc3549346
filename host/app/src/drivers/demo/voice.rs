//! Where the tour's lines go: plain lines to stdout, with a live table below them on a terminal; to
//! stderr where stdout is for one JSON document.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::screen;
use crate::failure::Failure;

/// The tour's voice.
pub(super) struct Voice {
    json: bool,
    live: Option<ProgressBar>,
}

impl Voice {
    /// Finds out who listens.
    pub(super) fn new(json: bool) -> Self {
        let terminal = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
        let live = (terminal && !json).then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self { json, live }
    }

    /// Whether a table is redrawn in place.
    pub(super) const fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// One line, or several.
    pub(super) fn say(&self, text: &str) -> Result<(), Failure> {
        match &self.live {
            Some(bar) => bar.suspend(|| screen::line(text)),
            None if self.json => {
                screen::note(text);
                Ok(())
            }
            None => screen::line(text),
        }
    }

    /// The heading of a scene.
    pub(super) fn scene(&self, heading: &str) -> Result<(), Failure> {
        self.say(&format!("\n== {heading}"))
    }

    /// Redraws the live table.
    pub(super) fn show(&self, text: &str) {
        if let Some(bar) = &self.live {
            bar.set_message(text.to_owned());
        }
    }

    /// Takes the live table away.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.live {
            bar.finish_and_clear();
        }
    }
}
