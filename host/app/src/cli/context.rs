//! What every command starts from: the settings, the database, the account that is meant, and the
//! way to the desk.
//!
//! Guarantees: a command that changes something goes to the running host where one holds the data
//! folder, and through the same `step` in this process where none does; what needs a broker or a
//! live bot then ends with exit code 5.

use stockade_core::desk::{Command, Reply};
use stockade_core::risk::Refusal;
use stockade_core::{Slug, Timestamp};
use stockade_store::query::{Account, Filter, PgPool, account_list, is_shadow, sleeve_list};
use stockade_store::{Cluster, Store};
use tokio::sync::OnceCell;

use crate::config::Settings;
use crate::drivers::base::{self, Base};
use crate::drivers::{books, paper};
use crate::failure::Failure;
use crate::link::{Answer, HostReply, HostRequest, Link, Task};

/// One invocation.
pub(crate) struct Context {
    /// Its settings.
    pub(crate) settings: Settings,
    base: OnceCell<Base>,
    at: Option<Timestamp>,
    /// Whether the account that was named was looked up.
    account_known: OnceCell<()>,
}

impl Context {
    /// Of these settings, asking for the present or a moment; opens nothing yet.
    pub(crate) fn new(settings: Settings, at: Option<Timestamp>) -> Self {
        Self { settings, base: OnceCell::new(), at, account_known: OnceCell::new() }
    }

    /// The moment that is asked for with `--at`, as queries take it; `None` is now.
    pub(crate) fn at(&self) -> Option<i64> {
        self.at.map(|at| at.0)
    }

    /// Ends the connections that were opened; the private cluster too, unless somebody uses it.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        match self.base.into_inner() {
            Some(base) => Ok(base.close().await?),
            None => Ok(()),
        }
    }

    /// The database, opened at the first use.
    pub(crate) async fn store(&self) -> Result<&Store, Failure> {
        let base = self.base.get_or_try_init(|| base::open(&self.settings)).await?;
        Ok(&base.store)
    }

    /// The label given with `--account`.
    pub(crate) fn account(&self) -> Option<String> {
        self.settings.account.as_ref().map(ToString::to_string)
    }

    /// A connection for reading; the account that was named is there. Nothing is made for it: no
    /// folder, no database.
    pub(crate) async fn pool(&self) -> Result<PgPool, Failure> {
        let pool = self.books().await?;
        self.account_known.get_or_try_init(|| self.check_account(&pool)).await?;
        Ok(pool)
    }

    /// The books of a data folder that has some.
    async fn books(&self) -> Result<PgPool, Failure> {
        let data = &self.settings.data;
        if self.settings.database_url.is_none() {
            let missing = |why| Failure::NoBooks { data: data.display().to_string(), why };
            if data.exists() && !data.is_dir() {
                return Err(Failure::Usage(format!(
                    "{} is a file, a folder is wanted (--data)",
                    data.display()
                )));
            }
            if !data.is_dir() {
                return Err(missing("does not exist"));
            }
            if !Cluster::exists(data) {
                return Err(missing("holds no books yet"));
            }
        }
        Ok(self.store().await?.reads().clone())
    }

    async fn check_account(&self, pool: &PgPool) -> Result<(), Failure> {
        let Some(label) = self.account() else {
            return Ok(());
        };
        let known = account_list(pool, &Filter::default()).await.map_err(failed)?;
        if known.iter().any(|account| account.account == label) {
            return Ok(());
        }
        Err(Failure::NotFound { what: "account", name: label })
    }

    /// The account that a change is made to: the one that was named, the only one there is, the
    /// first with keys, or `books`.
    pub(crate) async fn account_for_change(&self) -> Result<String, Failure> {
        let known = match self.books().await {
            Ok(pool) => account_list(&pool, &Filter::default()).await.map_err(failed)?,
            Err(Failure::NoBooks { .. }) => Vec::new(),
            Err(failure) => return Err(failure),
        };
        if let Some(label) = self.account() {
            // An account is made by its first use, not by a slip of the pen.
            let has_keys = || {
                let accounts =
                    self.settings.accounts(true).or_else(|_| self.settings.accounts(false));
                accounts.map(|all| all.iter().any(|account| account.label == label))
            };
            let there = known.iter().any(|account| account.account == label)
                || label == books::BOOKS
                || label == paper::LABEL
                || has_keys()?;
            return if there {
                Ok(label)
            } else {
                Err(Failure::NotFound { what: "account", name: label })
            };
        }
        let with_keys =
            self.settings.accounts(false)?.into_iter().next().map(|account| account.label);
        choose(&known, with_keys)
    }

    /// Has the desk carry out commands, one after the other; ends at the first refusal.
    pub(crate) async fn change(&self, commands: Vec<Command>) -> Result<Vec<Reply>, Failure> {
        if self.settings.data.is_file() {
            let data = self.settings.data.display();
            return Err(Failure::Usage(format!("{data} is a file, a folder is wanted (--data)")));
        }
        let needs = commands.iter().find(|command| !book_only(command)).map(spoken);
        let mut link = loop {
            if let Some(link) = Link::open(&self.settings.socket()).await? {
                break link;
            }
            if needs.is_some() && self.host_comes().await? {
                continue;
            }
            let account = self.account_for_change().await?;
            if let Some(needs) = needs {
                return Err(Failure::NotRunning { needs });
            }
            // Nothing is done where a host has begun to serve meanwhile.
            if let Some(replies) =
                books::execute(&self.settings, &account, commands.clone()).await?
            {
                return replies.into_iter().map(done).collect();
            }
        };
        let mut replies = Vec::with_capacity(commands.len());
        for command in commands {
            let task = Task::Command(Box::new(command));
            match link.call(self.settings.account.clone(), task).await? {
                Answer::Reply(reply) => replies.push(done(reply)?),
                other => return Err(not_a_reply(other)),
            }
        }
        Ok(replies)
    }

    /// Waits for a host that is starting. Once this process uses the database itself it can't tell
    /// whether another one does.
    async fn host_comes(&self) -> Result<bool, Failure> {
        Ok(!self.base.initialized() && base::host_comes(&self.settings).await?)
    }

    /// Has the desk carry out one command, and says what came of it.
    pub(crate) async fn change_one(&self, command: Command) -> Result<Reply, Failure> {
        let replies = self.change(vec![command]).await?;
        let reply = replies.into_iter().next();
        reply.ok_or_else(|| Failure::Failed(anyhow::anyhow!("the desk gave no reply")))
    }

    /// Has the desk of the account's shadow carry out a command, and says what came of it.
    pub(crate) async fn change_in_shadow(&self, command: Command) -> Result<Reply, Failure> {
        let request = HostRequest::Shadow { command: Box::new(command) };
        match self.host_says(request, "deploying in shadow").await? {
            Answer::Reply(reply) => done(reply),
            other => Err(not_a_reply(other)),
        }
    }

    /// A name says which of the two books is meant: one that the other side has is refused.
    pub(crate) async fn free_name(&self, name: &Slug, in_shadow: bool) -> Result<(), Failure> {
        let pool = match self.books().await {
            Ok(pool) => pool,
            Err(Failure::NoBooks { .. }) => return Ok(()),
            Err(failure) => return Err(failure),
        };
        let filter = Filter { sleeve: Some(name.to_string()), ..Filter::default() };
        let same = sleeve_list(&pool, &filter, false).await.map_err(failed)?;
        if same.iter().all(|sleeve| is_shadow(&sleeve.account) == in_shadow) {
            return Ok(());
        }
        let what = if in_shadow { "sleeve" } else { "sleeve in shadow" }.to_owned();
        Err(Failure::refused(&Refusal::Exists { what, name: name.to_string() }))
    }

    /// Asks the running host; `needs` is what can't be done without one.
    pub(crate) async fn ask_host(
        &self,
        request: HostRequest,
        needs: &str,
    ) -> Result<HostReply, Failure> {
        match self.host_says(request, needs).await? {
            Answer::Host(reply) => Ok(reply),
            Answer::Reply(reply) => {
                done(reply)?;
                Err(misunderstood())
            }
            other => Err(not_a_reply(other)),
        }
    }

    async fn host_says(&self, request: HostRequest, needs: &str) -> Result<Answer, Failure> {
        let mut link = loop {
            if let Some(link) = Link::open(&self.settings.socket()).await? {
                break link;
            }
            if !self.host_comes().await? {
                return Err(Failure::NotRunning { needs: needs.to_owned() });
            }
        };
        Ok(link.call(self.settings.account.clone(), Task::Host(request)).await?)
    }
}

/// An error of the database, or of anything else that was tried.
pub(crate) fn failed(error: impl Into<anyhow::Error>) -> Failure {
    Failure::from(error.into())
}

/// Nothing of that name.
pub(crate) fn not_found(what: &'static str, name: &Slug) -> Failure {
    Failure::NotFound { what, name: name.to_string() }
}

fn choose(known: &[Account], with_keys: Option<String>) -> Result<String, Failure> {
    if let Some(label) = with_keys {
        return Ok(label);
    }
    let real: Vec<&Account> = known.iter().filter(|known| !is_shadow(&known.account)).collect();
    match real.as_slice() {
        [] => Ok(books::BOOKS.to_owned()),
        [only] => Ok(only.account.clone()),
        several => {
            let labels: Vec<&str> =
                several.iter().map(|account| account.account.as_str()).collect();
            Err(Failure::Usage(format!(
                "there are several accounts ({}): name one (--account)",
                labels.join(", ")
            )))
        }
    }
}

fn done(reply: Reply) -> Result<Reply, Failure> {
    match reply {
        Reply::Refused { refusal } => Err(Failure::refused(&refusal)),
        Reply::Done { .. } => Ok(reply),
    }
}

fn not_a_reply(answer: Answer) -> Failure {
    match answer {
        Answer::Failed { message } => Failure::Failed(anyhow::anyhow!(message)),
        Answer::NotFound { what, name } => {
            let what = if what == "account" { "account" } else { "bot" };
            Failure::NotFound { what, name }
        }
        Answer::Reply(_) | Answer::Host(_) => misunderstood(),
    }
}

fn misunderstood() -> Failure {
    Failure::Failed(anyhow::anyhow!("the host answered something else (another version?)"))
}

/// Whether a command needs the books alone, neither a broker nor a live bot.
fn book_only(command: &Command) -> bool {
    !matches!(
        command,
        Command::OrderSubmit { .. }
            | Command::OrderCancel { .. }
            | Command::OrderReplace { .. }
            | Command::Reconcile
            | Command::BotStart { .. }
            | Command::BotStop { .. }
            | Command::BotRelease { .. }
    )
}

fn spoken(command: &Command) -> String {
    match command {
        Command::OrderSubmit { .. } => "submitting an order",
        Command::OrderCancel { .. } => "cancelling an order",
        Command::OrderReplace { .. } => "replacing an order",
        Command::Reconcile => "comparing with the broker",
        Command::BotStart { .. } => "starting a bot",
        Command::BotStop { .. } => "stopping a bot",
        Command::BotRelease { .. } => "releasing a bot",
        _ => "this command",
    }
    .to_owned()
}
