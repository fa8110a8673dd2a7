//! A whole server in memory: bytes of a connection in, bytes out. It is made anew now and then, so that what was written
//! does not pile up.

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use propstore::auth::Hasher;
use propstore::model::{Batch, Done, Edit, NewSpace, Principal, ResourceId, Timestamp, UserId};
use propstore::service::{Connection, Service, Settings};
use propstore::store::{Memory, Setup, Store};
use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::{Arc, LazyLock};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

/// How many requests a server answers.
const REQUESTS_MAX: u32 = 1000;

/// `admin` with the password `a`.
const AUTHORIZATION: &str = "Basic YWRtaW46YQ==";

/// Hashing takes long, and all servers may have the same password.
static PASSWORD: LazyLock<String> = LazyLock::new(|| Hasher::hash_here("a").expect("a hash"));

/// A server, with a space and its folder 3 in it.
struct Site {
    runtime: Runtime,
    service: Arc<Service>,
    answered: u32,
}

impl Site {
    fn new() -> Self {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let at = Timestamp::from_millis(1_263_520_228_000);
        let store = Memory::new(Setup {
            admin_password: PASSWORD.clone(),
            link_key: [7; 32],
            at,
        });
        let store: Arc<dyn Store> = Arc::new(store);
        let service = runtime.block_on(async {
            let admin = Principal::new(store.user(UserId::ADMIN).await.expect("an account"));
            let new = NewSpace::named("s".parse().expect("a name"), [1, 2].map(Uuid::from_u128));
            let edit = Edit::AddSpace(new.expect("a name"));
            let done = store
                .write(Batch::of_one(admin, at, ResourceId::Site, edit))
                .await
                .expect("a space");
            let Some(Ok(Done::PageWritten(pages))) = done.first() else {
                panic!("{done:?}")
            };
            assert_eq!(pages.last().expect("a folder").id.get(), 3);
            Service::new(store, Settings::default()).await
        });
        Site {
            runtime,
            service: Arc::new(service.expect("a service")),
            answered: 0,
        }
    }

    fn answer(&self, request: &[u8], piece_bytes: usize) -> Vec<u8> {
        self.runtime.block_on(async {
            let (ours, theirs) = duplex(64 << 10);
            let peer = ([127, 0, 0, 1], 1).into();
            let service = service_fn(|request| async {
                Ok::<_, Infallible>(
                    self.service
                        .answer(
                            request,
                            Connection {
                                peer,
                                local: peer,
                                scheme: "http",
                            },
                        )
                        .await,
                )
            });
            let served = http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
            let (mut reader, mut writer) = tokio::io::split(ours);
            let send = async {
                for piece in request.chunks(piece_bytes.max(1)) {
                    // It may have answered and gone.
                    if writer.write_all(piece).await.is_err() {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            };
            let mut told = Vec::new();
            let (_, (), read) = tokio::join!(served, send, reader.read_to_end(&mut told));
            read.expect("an answer");
            told
        })
    }
}

/// An answer.
#[derive(Debug)]
pub struct Said {
    /// Its status.
    pub status: u16,
    /// Its media type; empty if it has none.
    pub media_type: String,
    /// Its body.
    pub body: Vec<u8>,
}

thread_local! {
    static SITE: RefCell<Option<Site>> = const { RefCell::new(None) };
}

/// Makes a new server if there is none, or if the one that is there has answered enough.
pub fn begin() {
    SITE.with_borrow_mut(|site| {
        let is_good = site
            .as_ref()
            .is_some_and(|site| site.answered < REQUESTS_MAX);
        if !is_good {
            *site = Some(Site::new());
        }
    });
}

/// Sends a request of `admin` in pieces of so many bytes; `head` is the line of the request and the fields that
/// are not about the body, the host or who sends it. `None`: nothing was answered.
pub fn ask(head: &[u8], body: &[u8], piece_bytes: usize) -> Option<Said> {
    let fields = format!(
        "\r\nHost: wiki.example\r\nAuthorization: {AUTHORIZATION}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let request = [head, fields.as_bytes(), body].concat();
    let told = SITE.with_borrow_mut(|site| {
        let site = site.as_mut().expect("begin was called");
        site.answered += 1;
        site.answer(&request, piece_bytes)
    });
    let end = told.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(told[..end].to_vec()).expect("a head");
    let status = head
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok());
    let media_type = head
        .lines()
        .find_map(|line| line.strip_prefix("content-type: "));
    Some(Said {
        status: status.unwrap_or_else(|| panic!("{head}")),
        media_type: media_type.unwrap_or_default().to_owned(),
        body: told[end + 4..].to_vec(),
    })
}
