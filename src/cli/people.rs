//! Setting up people and spaces from the command line, in a database that nobody serves at the time. What is made here is
//! made by the functions that requests go through (`dialects-common.md` §5).

use super::{CliError, Database, print};
use crate::auth::Hasher;
use crate::model::{
    Access, Batch, Done, Edit, Enroll, NewSpace, NodeId, NodeName, Outcome, Principal, Refusal,
    ResourceId, Role, SpaceRole, UserId, check_login, check_person,
};
use crate::service::NewUser;
use crate::service::{self, now};
use crate::store::{OpenError, Sqlite, SqliteOptions, Store, StoreError};
use clap::Args;
use std::io::{self, IsTerminal};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

/// The environment variable with the password of a new account.
const USER_PASSWORD: &str = "PROPSTORE_USER_PASSWORD";

/// The flags of `user`.
#[derive(Args, Clone, Debug)]
pub struct NewUserArgs {
    /// The database.
    #[command(flatten)]
    pub database: Database,

    /// What its owner signs in with
    pub login: String,

    /// The owner's name [default: the login]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub name: String,

    /// The owner's e-mail address
    #[arg(long)]
    pub email: Option<String>,

    /// The owner's number at a school
    #[arg(long, value_name = "NUMBER")]
    pub matric_no: Option<String>,

    /// What it may do outside of spaces: None, Viewer, Contributor, Manager or Admin
    #[arg(long, default_value = "Contributor", value_parser = role)]
    pub role: Role,
}

/// The flags of `space`.
#[derive(Args, Clone, Debug)]
pub struct NewSpaceArgs {
    /// The database.
    #[command(flatten)]
    pub database: Database,

    /// What it is called
    #[arg(value_parser = name)]
    pub name: NodeName,
}

/// The flags of `enroll`.
#[derive(Args, Clone, Debug)]
pub struct EnrollArgs {
    /// The database.
    #[command(flatten)]
    pub database: Database,

    /// The number of the space
    #[arg(value_parser = id)]
    pub space: NodeId,

    /// Who: what is typed to sign in
    pub login: String,

    /// member, tutor, teacher or administrator
    #[arg(value_parser = space_role)]
    pub role: SpaceRole,
}

fn role(text: &str) -> Result<Role, String> {
    Role::of_name(text)
        .ok_or_else(|| "it has to be None, Viewer, Contributor, Manager or Admin".to_owned())
}

fn space_role(text: &str) -> Result<SpaceRole, String> {
    SpaceRole::of_enrollment(text)
        .ok_or_else(|| "it has to be member, tutor, teacher or administrator".to_owned())
}

fn name(text: &str) -> Result<NodeName, String> {
    text.parse().map_err(|fault| format!("{fault}"))
}

fn id(text: &str) -> Result<NodeId, String> {
    let number = text.parse().ok().and_then(NodeId::new);
    number.ok_or_else(|| "it has to be the number of a space".to_owned())
}

/// A database that was opened for one change, in the name of `admin`.
struct Opened {
    store: Sqlite,
    runtime: Runtime,
    by: Principal,
}

impl Opened {
    fn open(database: &Database) -> Result<Self, CliError> {
        let options = SqliteOptions::new(&database.db);
        if !database.db.exists() {
            let path = database.db.display();
            return Err(format!("there is no database {path}: propstore serve makes one").into());
        }
        let store = Sqlite::open(&options, || {
            Err("the database is empty: propstore serve makes one".to_owned())
        });
        let store = store.map_err(|error| -> CliError {
            if let OpenError::InUse { .. } = error {
                format!("{error}: stop it, or use its routes below /api").into()
            } else {
                error.into()
            }
        })?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let admin = runtime.block_on(store.user(UserId::ADMIN))?;
        Ok(Opened {
            by: Principal::with_key(admin),
            store,
            runtime,
        })
    }

    /// Makes one change.
    fn write(&self, resource: ResourceId, edit: Edit) -> Result<Done, CliError> {
        let batch = Batch::of_one(self.by.clone(), now(), resource, edit);
        let outcomes: Vec<Outcome> = self.runtime.block_on(self.store.write(batch))?;
        let outcome = outcomes.into_iter().next().ok_or(StoreError::Closed)?;
        outcome.map_err(Into::into)
    }

    fn close(self) {
        self.store.close();
    }
}

pub(super) fn add_user(args: &NewUserArgs) -> Result<(), CliError> {
    let login = args.login.trim();
    check_login(login).map_err(|fault| format!("the login {fault}"))?;
    for (what, text) in [
        ("name", Some(&args.name)),
        ("e-mail address", args.email.as_ref()),
        ("number", args.matric_no.as_ref()),
    ] {
        check_person(text.map_or("", String::as_str))
            .map_err(|fault| format!("the {what} {fault}"))?;
    }
    // Nobody waits for the database while somebody types.
    let password = password(login)?;
    let opened = Opened::open(&args.database)?;
    let user = NewUser {
        name: login.to_owned(),
        full_name: args.name.clone(),
        email: args.email.clone().filter(|email| !email.is_empty()),
        matric_no: args.matric_no.clone().filter(|number| !number.is_empty()),
        role: args.role,
        access: Access::Active,
        password,
    };
    let hasher = Hasher::start()?;
    let added = service::add_user(&opened.store, &hasher, &opened.by, user, now());
    let user = opened.runtime.block_on(added)?;
    opened.close();
    Ok(print(&format!("user {} {}", user.id, user.name))?)
}

fn password(login: &str) -> Result<String, CliError> {
    let password = match std::env::var(USER_PASSWORD) {
        Ok(password) => password,
        Err(std::env::VarError::NotPresent) => {
            let mut line = String::new();
            if io::stdin().is_terminal() {
                eprint!("The password of {login} (it is shown as you type): ");
            }
            io::stdin().read_line(&mut line)?;
            line.trim_end_matches(['\r', '\n']).to_owned()
        }
        Err(std::env::VarError::NotUnicode(_)) => {
            return Err(format!("{USER_PASSWORD} is not UTF-8").into());
        }
    };
    if password.trim().is_empty() {
        let what = format!(
            "the password is blank: give it as {USER_PASSWORD}, or as the first line of the standard input"
        );
        return Err(what.into());
    }
    Ok(password)
}

pub(super) fn add_space(args: &NewSpaceArgs) -> Result<(), CliError> {
    let opened = Opened::open(&args.database)?;
    let new = NewSpace::named(args.name.clone(), [Uuid::new_v4(), Uuid::new_v4()]);
    let edit = Edit::AddSpace(new.ok_or(StoreError::Closed)?);
    let done = opened.write(ResourceId::Site, edit)?;
    opened.close();
    if let Done::PageWritten(pages) = done
        && let [space, root] = pages.as_slice()
    {
        print(&format!("space {} with the folder {}", space.id, root.id))?;
    }
    Ok(())
}

pub(super) fn enroll(args: &EnrollArgs) -> Result<(), CliError> {
    let opened = Opened::open(&args.database)?;
    let edit = Edit::Enroll(Enroll {
        login: args.login.clone(),
        role: Some(args.role),
    });
    let done = opened.write(ResourceId::Node(args.space), edit);
    opened.close();
    let done = done.map_err(|error| match error.downcast_ref::<StoreError>() {
        // That is what it is called where a number may be anything.
        Some(StoreError::Refused(Refusal::NoSuchFile)) => Refusal::NoSuchSpace.into(),
        Some(_) | None => error,
    })?;
    if let Done::Enrolled { user, role, .. } = done {
        let role = role.map_or("nobody", SpaceRole::name);
        print(&format!("{} is {role} of {}", user.name, args.space))?;
    }
    Ok(())
}
