//! What links begin with when a proxy stands in front (`mindtouch.md` §1.2): what it says counts only if it is trusted.

use crate::harness::{Call, Server, basic};

/// What the link of the list of properties begins with.
fn base(call: &Call<'_>) -> String {
    let list = call.gives(200).xml();
    let end = "/@api/deki/pages/1/properties";
    list.attr("href").strip_suffix(end).unwrap().to_owned()
}

fn get(server: &Server) -> Call<'_> {
    server.get("/pages/home/properties").anonymous()
}

fn forwarded(server: &Server) -> Call<'_> {
    get(server)
        .field("X-Forwarded-Host", "wiki.example:444")
        .field("X-Forwarded-Proto", "https")
        .field("X-Forwarded-Prefix", "/store")
}

#[test]
fn links_begin_with_what_the_client_asked_for() {
    let server = Server::start();
    assert_eq!(base(&get(&server)), format!("http://{}", server.address()));
    let other = get(&server).without("Host").field("Host", "Wiki.example");
    assert_eq!(base(&other), "http://Wiki.example");
    assert_eq!(
        base(&forwarded(&server)),
        format!("http://{}", server.address())
    );
    let by_query = server.get(
        "/pages/home/properties?dream.in.host=evil.example&dream.in.scheme=https&dream.in.origin=1.2.3.4&dream.in.uri=x",
    );
    assert_eq!(base(&by_query), format!("http://{}", server.address()));
}

#[test]
fn a_trusted_proxy_says_what_links_begin_with() {
    for flags in [
        &["--trusted-proxy", "127.0.0.1"][..],
        &["--trusted-proxy", "10.0.0.0/8,127.0.0.0/8"],
        &[
            "--trusted-proxy",
            "10.0.0.0/8",
            "--trusted-proxy",
            "127.0.0.1/32",
        ],
    ] {
        let server = Server::with(flags);
        assert_eq!(base(&forwarded(&server)), "https://wiki.example:444/store");
        assert_eq!(base(&get(&server)), format!("http://{}", server.address()));
        let bad = get(&server).field("X-Forwarded-Host", "a<b>");
        assert!(bad.gives(400).message().contains("X-Forwarded-Host"));
    }
    let server = Server::with(&["--trusted-proxy", "10.0.0.0/8"]);
    assert_eq!(
        base(&forwarded(&server)),
        format!("http://{}", server.address())
    );
}

#[test]
fn a_public_url_comes_before_everything_and_may_have_a_path() {
    let flags = [
        "--public-url",
        "https://wiki.example/store/",
        "--trusted-proxy",
        "127.0.0.1",
    ];
    let server = Server::with(&flags);
    assert_eq!(base(&get(&server)), "https://wiki.example/store");
    assert_eq!(base(&forwarded(&server)), "https://wiki.example/store");
    // Whether the proxy takes the path away or not.
    let whole = format!(
        "GET /store/@api/deki/pages/home/properties HTTP/1.1\r\nHost: {}\r\n\r\n",
        server.address()
    );
    let mut connection = server.connect();
    connection.write(whole.as_bytes());
    connection.read("GET").is(200);
    let error = server.get("/nothing").gives(404).xml();
    assert_eq!(
        error.child("uri").text,
        "https://wiki.example/store/@api/deki/nothing"
    );
    let cookie = server.get("/users/authenticate").gives(200);
    assert!(cookie.field("set-cookie").unwrap().ends_with("; Secure"));
}

#[test]
fn who_guesses_passwords_is_known_behind_a_trusted_proxy() {
    let flags = ["--trusted-proxy", "127.0.0.1", "--guesses-per-sec-max", "3"];
    let server = Server::with(&flags);
    let guess = |client: &str| {
        let call = get(&server).field("Authorization", basic("admin", "wrong"));
        call.field("X-Forwarded-For", client).send().status
    };
    let until_429 = (0..50).find(|_| guess("6.6.6.6") == 429);
    assert!(until_429.is_some());
    assert_eq!(guess("1.1.1.1"), 401);
}
