//! The command line: what can be asked of the program, and what it tells whoever starts it.

mod people;

use crate::auth::{self, Hasher};
use crate::config::{Limits, Privacy};
use crate::server::{self, Tls, TlsFiles};
use crate::service::{FILES_MAX, Proxies, Service, Settings, is_prefix, now};
use crate::store::{self, Checked, Setup, Sqlite, SqliteOptions, Store};
use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;
use std::error::Error;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use tokio::net::{TcpSocket, lookup_host};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The environment variable with the password of `admin` for the first start.
const ADMIN_PASSWORD: &str = "PROPSTORE_ADMIN_PASSWORD";

/// The environment variable with the key of the site. Without it there is none.
const API_KEY: &str = "PROPSTORE_API_KEY";

/// The fewest bytes of the key of the site.
const API_KEY_BYTES_MIN: usize = 16;

/// How many file descriptors the database needs, and how many answers that wait in files may take where there are many.
const DESCRIPTORS_KEPT: u64 = 40;
const DESCRIPTORS_FOR_FILES: u64 = FILES_MAX as u64;

/// The fewest connections, however few file descriptors there are.
const CONNECTIONS_MIN: u32 = 8;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A property store that speaks the MindTouch property API, durable in one SQLite file.
#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be asked.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve a database, making it first if there is none
    ///
    /// The first start makes the account admin, with the password in the environment variable
    /// `PROPSTORE_ADMIN_PASSWORD`, or with a random one that is printed once.
    Serve(Serve),

    /// Read every page of a database and say whether it is whole; it may be served meanwhile, and nothing is changed
    ///
    /// While a large one is served, its log grows until this has ended: better look through a copy.
    Check(Database),

    /// Make an account in a database that is not being served
    ///
    /// Its password is in the environment variable `PROPSTORE_USER_PASSWORD`, or is the first line of the standard input.
    User(people::NewUserArgs),

    /// Make a space with its first folder, in a database that is not being served
    Space(people::NewSpaceArgs),

    /// Enroll somebody in a space, in a database that is not being served; whoever is enrolled gets another role
    Enroll(people::EnrollArgs),
}

/// Which database.
#[derive(Args, Clone, Debug)]
pub struct Database {
    /// The database file
    #[arg(
        long,
        env = "PROPSTORE_DB",
        default_value = "propstore.db",
        value_name = "FILE"
    )]
    pub db: PathBuf,
}

/// The flags of `serve`.
#[derive(Args, Clone, Debug)]
pub struct Serve {
    /// The database.
    #[command(flatten)]
    pub database: Database,

    /// The address to listen on; port 0 takes a free one
    #[arg(
        long,
        env = "PROPSTORE_LISTEN",
        default_value = "127.0.0.1:8081",
        value_name = "ADDR"
    )]
    pub listen: String,

    /// What all links in answers begin with, such as `https://wiki.example/store` [default: what each request says]
    #[arg(long, env = "PROPSTORE_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    pub public_url: Option<String>,

    /// A network of proxies whose X-Forwarded-Proto, -Host, -Prefix and -For are believed, such as 10.0.0.0/8; may be
    /// given several times
    #[arg(
        long = "trusted-proxy",
        env = "PROPSTORE_TRUSTED_PROXY",
        value_name = "NET",
        value_delimiter = ',',
        value_parser = network
    )]
    pub trusted_proxies: Vec<IpNet>,

    /// The certificate, for HTTPS.
    #[command(flatten)]
    pub tls: TlsFiles,

    /// What of accounts is shown to whom.
    #[command(flatten)]
    pub privacy: Privacy,

    /// All limits.
    #[command(flatten)]
    pub limits: Limits,
}

fn public_url(text: &str) -> Result<String, String> {
    let uri: http::Uri = text.parse().map_err(|error| format!("{error}"))?;
    match (
        uri.scheme_str(),
        uri.authority(),
        uri.path_and_query().map(http::uri::PathAndQuery::as_str),
    ) {
        (Some("http" | "https"), Some(host), path)
            if !host.as_str().contains('@')
                && is_prefix(path.unwrap_or_default().trim_end_matches('/')) =>
        {
            let scheme = uri.scheme_str().unwrap_or_default();
            let (host, port) = (host.host().to_ascii_lowercase(), host.port_u16());
            let port = match (scheme, port) {
                (_, None) | ("http", Some(80)) | ("https", Some(443)) => String::new(),
                (_, Some(port)) => format!(":{port}"),
            };
            let path = path.unwrap_or_default().trim_end_matches('/');
            Ok(format!("{scheme}://{host}{port}{path}"))
        }
        _ => Err("it has to be http:// or https://, a host, and perhaps a path".to_owned()),
    }
}

/// A network, or an address by itself.
fn network(text: &str) -> Result<IpNet, String> {
    let address = text.trim().parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.trim().parse())
        .map_err(|_| "it has to be an address or a network such as 10.0.0.0/8".to_owned())
}

/// Why a command failed.
pub type CliError = Box<dyn Error + Send + Sync>;

/// Does what was asked.
///
/// # Errors
/// Why it could not be done, in one line for whoever asked.
pub fn run(cli: Cli) -> Result<(), CliError> {
    match cli.command {
        Command::Serve(options) => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(async_threads())
                .thread_name("propstore-async")
                .max_blocking_threads(8)
                .enable_all()
                .build()?;
            runtime.block_on(serve(options))
        }
        Command::Check(database) => check(&database.db),
        Command::User(args) => people::add_user(&args),
        Command::Space(args) => people::add_space(&args),
        Command::Enroll(args) => people::enroll(&args),
    }
}

/// Tells what is in a database, or what is wrong with it.
fn check(db: &Path) -> Result<(), CliError> {
    let Checked {
        nodes,
        properties,
        entries,
        contents,
        problems,
    } = store::check(&SqliteOptions::new(db))?;
    if problems.is_empty() {
        print(&format!(
            "{} is whole: {nodes} pages, folders and files, {properties} properties, {entries} entries of the log, \
             {contents} large contents",
            db.display()
        ))?;
        return Ok(());
    }
    for problem in &problems {
        print(problem)?;
    }
    let (path, count) = (db.display(), problems.len());
    Err(
        format!("the database {path} is damaged, see above ({count} problems): bring back a copy")
            .into(),
    )
}

/// How many threads serve connections: one less than there are cores, since another thread writes. More of them only
/// wake each other.
fn async_threads() -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    cores.saturating_sub(1).max(2)
}

async fn serve(options: Serve) -> Result<(), CliError> {
    // The signals are caught before anything is made, so that none of them can leave it half made.
    let (mut terminate, mut interrupt, hangup) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
        signal(SignalKind::hangup())?,
    );
    let tls = Tls::load(&options.tls)?;
    let api_key = secret(API_KEY)?;
    // The port is taken before the database is made and a password is told, but nobody is let in yet.
    let socket = bind(&options.listen)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", options.listen))?;
    let mut told = None;
    let setup = || {
        let password = first_password()?;
        let admin_password =
            Hasher::hash_here(password.text()).map_err(|error| error.to_string())?;
        told = Some(password);
        Ok(Setup {
            admin_password,
            link_key: auth::new_key().map_err(|error| error.to_string())?,
            at: now(),
        })
    };
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(
        &SqliteOptions::new(&options.database.db),
        setup,
    )?);
    if let Some(password) = &told {
        tracing::info!(db = %options.database.db.display(), "made a new database with the account admin");
        if let FirstPassword::Random(password) = password {
            print(&format!(
                "The password of admin is {password} (it is shown only this once)"
            ))?;
        }
    }
    let limits = Limits {
        connections_max: affordable(options.limits.connections_max),
        ..options.limits.clone()
    };
    let settings = Settings {
        limits: limits.clone(),
        privacy: options.privacy,
        proxies: Proxies {
            public_url: options.public_url.as_deref().map(Into::into),
            trusted: options.trusted_proxies,
        },
        api_key,
        spool: Some(folder_of(&options.database.db)),
    };
    let service = Arc::new(Service::new(Arc::clone(&store), settings).await?);
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!("listening on {scheme}://{address}");
    let base = options
        .public_url
        .unwrap_or_else(|| format!("{scheme}://{address}"));
    print(&greeting(&base))?;
    let shutdown = async {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!("{name}: finishing what is in flight");
    };
    let reload = tokio::spawn(reload_on(hangup, tls.clone()));
    let served = server::serve(listener, service, limits, tls, shutdown).await;
    reload.abort();
    tokio::task::spawn_blocking(move || store.close()).await?;
    tracing::info!("closed");
    Ok(served?)
}

/// Reads the certificate again whenever the signal comes. Without one, the signal is no reason to end either.
async fn reload_on(mut hangup: Signal, tls: Option<Arc<Tls>>) {
    while hangup.recv().await.is_some() {
        match tls.as_deref().map(Tls::reload) {
            Some(Ok(())) => tracing::info!("SIGHUP: the certificate was read again"),
            Some(Err(error)) => {
                tracing::error!(%error, "SIGHUP: the certificate in force stays");
            }
            None => tracing::info!("SIGHUP: there is no certificate to read again"),
        }
    }
}

/// Where a database lies.
fn folder_of(db: &Path) -> PathBuf {
    match db.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// As many connections as there can be file descriptors for. Else the last connections would take those that the database
/// needs.
fn affordable(connections_max: u32) -> u32 {
    let wanted = u64::from(connections_max) + DESCRIPTORS_KEPT + DESCRIPTORS_FOR_FILES;
    // If there is no such limit, nothing has to be done.
    let descriptors = rlimit::increase_nofile_limit(wanted).unwrap_or(u64::MAX);
    if descriptors >= wanted {
        return connections_max;
    }
    let kept = DESCRIPTORS_KEPT.max(DESCRIPTORS_FOR_FILES.min(descriptors / 4));
    let rest = u32::try_from(descriptors.saturating_sub(kept)).unwrap_or(u32::MAX);
    let affordable = rest.max(CONNECTIONS_MIN).min(connections_max);
    if affordable < connections_max {
        tracing::warn!(
            descriptors,
            connections = affordable,
            "this process may open few files, so it takes fewer connections at a time: raise ulimit -n"
        );
    }
    affordable
}

async fn bind(listen: &str) -> io::Result<TcpSocket> {
    let mut failure = io::Error::new(io::ErrorKind::AddrNotAvailable, "there is no such address");
    for address in lookup_host(listen).await? {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        match socket.bind(address) {
            Ok(()) => return Ok(socket),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The password of `admin` at the first start.
enum FirstPassword {
    Given(String),
    Random(String),
}

impl FirstPassword {
    fn text(&self) -> &str {
        match self {
            FirstPassword::Given(text) | FirstPassword::Random(text) => text,
        }
    }
}

fn first_password() -> Result<FirstPassword, String> {
    match std::env::var(ADMIN_PASSWORD) {
        Ok(password) if password.trim().is_empty() => Err(format!(
            "{ADMIN_PASSWORD} is empty: give admin a password, or unset it to get a random one"
        )),
        Ok(password) => Ok(FirstPassword::Given(password)),
        Err(std::env::VarError::NotPresent) => auth::new_password()
            .map(FirstPassword::Random)
            .map_err(|error| error.to_string()),
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("{ADMIN_PASSWORD} is not UTF-8")),
    }
}

/// The key of the site.
fn secret(name: &str) -> Result<Option<String>, String> {
    match std::env::var(name) {
        Ok(key) if key.len() < API_KEY_BYTES_MIN => Err(format!(
            "{name} is too short: who has it may do everything, so give it at least {API_KEY_BYTES_MIN} random characters"
        )),
        Ok(key) => Ok(Some(key)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8")),
    }
}

/// The main job, ready to be pasted; curl asks for the password.
fn greeting(base: &str) -> String {
    let api = format!("{base}/@api/deki");
    format!(
        "
Put a file on the page home; its number is the id in the answer (here it is taken to be 2):
  curl -u admin -T LICENSE {api}/pages/home/files/=LICENSE
Put a property on it, then send a batch that adds two properties and removes the first, then list them:
  curl -u admin -H \"Slug: iscopyright\" -H \"Content-Type: text/plain\" -d no {api}/files/2/properties
  curl -u admin -H \"Content-Type: application/xml\" -T examples/fileprop.xml -i {api}/files/2/properties
  curl {api}/files/2/properties
"
    )
}

/// Prints for whoever started the program. That nobody listens is no reason not to serve.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
