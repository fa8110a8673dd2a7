//! Documents that are small to send and large to read: each gets its answer, a short one, in bounded memory, and others are
//! served meanwhile (`promises.md` §1.3).
//!
//! How long an answer takes is not looked at here: whoever takes time or memory out of proportion runs into the time limit
//! of the client or the bound on memory.

use crate::harness::{API, Answer, PASSWORD, Request, Server, basic, each, error_message};
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// By how much the memory of a server may grow, in KiB.
const GROWTH_KIB_MAX: u64 = 200 << 10;

/// How long the answer to a document that is refused may be, in bytes: it repeats only a little of it.
const REFUSAL_BYTES_MAX: usize = 4096;

const MANY: usize = 1_000_000;

/// A token that is as long as this in bytes makes a document half as long as it may be.
const LONG: usize = 8_000_000;

/// A server that bombs are thrown at, and how much memory it had before the first one.
struct Target {
    server: Server,
    quiet_kib: u64,
}

impl Target {
    fn new() -> Self {
        let server = Server::start();
        server.property("/pages/home", "small", "v");
        let quiet_kib = peak_kib(&server);
        Target { server, quiet_kib }
    }

    fn batch(&self, document: impl AsRef<[u8]>) -> Answer {
        self.server.batch("/pages/home", document)
    }

    /// It is read as a batch that changes nothing.
    fn passes(&self, what: &str, document: impl AsRef<[u8]>) {
        let answer = self.batch(document);
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        assert_eq!(answer.xml().attr("count"), "0", "{what}");
        self.check_memory(what);
    }

    /// It is refused in a few words, with these among them.
    fn refuses(&self, what: &str, document: impl AsRef<[u8]>, words: &str) {
        self.check_refused(what, &self.batch(document), words);
    }

    fn check_refused(&self, what: &str, answer: &Answer, words: &str) {
        assert_eq!(answer.status, 400, "{what}");
        let length = answer.body.len();
        assert!(
            length < REFUSAL_BYTES_MAX,
            "{what}: {length} bytes are said"
        );
        let message = answer.message();
        assert!(message.contains(words), "{what}: {message}");
        self.check_memory(what);
    }

    /// It is stored as this value.
    fn stores(&self, what: &str, document: impl AsRef<[u8]>, value: &[u8]) {
        let answer = self.batch(document);
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        let path = "/pages/home/properties/p";
        assert!(self.server.get(path).gives(200).body == value, "{what}");
        self.server.delete(path).gives(200);
        self.check_memory(what);
    }

    fn check_memory(&self, what: &str) {
        let kib = peak_kib(&self.server);
        let grown = kib - self.quiet_kib;
        assert!(
            grown <= GROWTH_KIB_MAX,
            "{what}: memory has grown by {grown} KiB"
        );
    }
}

/// The most memory that the process has had so far, in KiB.
fn peak_kib(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().trim().strip_suffix(" kB").unwrap();
    kib.parse().unwrap()
}

/// A batch with this in it.
fn batch(inside: &str) -> String {
    format!("<properties>{inside}</properties>")
}

/// A batch that makes the property `p` of what is inside.
fn property(inside: &str) -> String {
    let contents = format!("<contents type='text/plain; charset=utf-8'>{inside}</contents>");
    batch(&format!("<property name='p'>{contents}</property>"))
}

fn long(piece: &str) -> String {
    piece.repeat(LONG / piece.len())
}

#[test]
fn elements_in_each_other_or_beside_each_other() {
    let target = Target::new();
    let open = "<a>".repeat(MANY);
    let close = "</a>".repeat(MANY);
    target.refuses("deep", batch(&open), "64 levels");
    target.refuses(
        "deep and closed",
        batch(&format!("{open}{close}")),
        "64 levels",
    );
    target.refuses("a deep value", property(&open), "64 levels");
    target.refuses("only ends", &close, "closes nothing");
    target.passes("empty tags", batch(&"<a/>".repeat(MANY)));
    target.passes("elements", batch(&"<a></a>".repeat(MANY)));
    let markup = "<a/>".repeat(MANY);
    target.stores(
        "a value of empty tags",
        property(&markup),
        markup.as_bytes(),
    );
}

#[test]
fn attributes_and_namespaces() {
    let target = Target::new();
    let attributes = each(0..MANY, |n| format!(" a{n}=''"));
    target.refuses("attributes", batch(&format!("<a{attributes}/>")), "1024");
    let same = " a=''".repeat(MANY);
    target.refuses("the same attribute", batch(&format!("<a{same}/>")), "1024");
    let declarations = |count: usize| each(0..count, |n| format!(" xmlns:n{n}='u{n}'"));
    target.refuses(
        "declarations",
        batch(&format!("<a{}/>", declarations(300_000))),
        "1024",
    );
    let some = format!("<a{}/>", declarations(1000)).repeat(300);
    target.passes("declarations side by side", batch(&some));
    target.stores("a value of them", property(&some), some.as_bytes());
    let nested = format!("<a{}>", declarations(1000)).repeat(60)
        + &"<n999:b/>".repeat(MANY)
        + &"</a>".repeat(60);
    target.passes("declarations in each other", batch(&nested));
    // What elements take from outside may not multiply.
    let root = format!("<properties xmlns:n='{}'>", "u".repeat(MANY));
    let used = property(&"<n:a/>".repeat(MANY)).replacen("<properties>", &root, 1);
    target.refuses(
        "a long name of a namespace",
        used,
        "declare namespaces where they are used",
    );
}

#[test]
fn tokens_of_8_megabytes() {
    let target = Target::new();
    let name = long("n");
    let closes = "is not closed";
    target.passes("the name of an element", batch(&format!("<{name}/>")));
    target.passes(
        "the name of an attribute",
        batch(&format!("<a {name}=''/>")),
    );
    target.passes(
        "the value of an attribute",
        batch(&format!("<a b='{name}'/>")),
    );
    target.passes(
        "references in one",
        batch(&format!("<a b='{}'/>", long("&#65;"))),
    );
    target.passes("a comment", batch(&format!("<!--{name}-->")));
    target.passes("an instruction", batch(&format!("<?a {name}?>")));
    target.passes("the target of one", batch(&format!("<?{name}?>")));
    target.passes("blanks in a tag", batch(&format!("<a{}/>", long(" \n"))));
    target.passes("blanks outside", format!("{}{}", long("\r\n"), batch("")));
    target.stores("text", property(&name), name.as_bytes());
    target.stores(
        "text of two bytes",
        property(&long("é")),
        long("é").as_bytes(),
    );
    target.stores(
        "a section",
        property(&format!("<![CDATA[{name}]]>")),
        name.as_bytes(),
    );
    target.stores(
        "line ends",
        property(&long("\r\n")),
        "\n".repeat(LONG / 2).as_bytes(),
    );
    // Of what is refused, a tenth is long enough to take for ever if it were read again and again.
    let name = "n".repeat(MANY);
    target.refuses("the root", format!("<{name}/>"), "the root element is <nnn");
    target.refuses(
        "an end tag",
        batch(&format!("<a></{name}>")),
        "closes nothing",
    );
    target.refuses(
        "an unclosed element",
        format!("<properties><{name}>"),
        closes,
    );
    target.refuses("a reference", batch(&format!("&{name};")), "nnn");
    target.refuses(
        "a number",
        property(&format!("&#{};", "9".repeat(MANY))),
        "&#",
    );
    target.refuses(
        "a number that begins with zeros",
        property(&format!("&#{};", "0".repeat(MANY))),
        "&#",
    );
    target.refuses("a prefix", batch(&format!("<{name}:a/>")), "nnn");
    target.refuses(
        "an encoding",
        format!("<?xml version='1.0' encoding='{name}'?><properties/>"),
        "nnn",
    );
    let version = format!("<?xml version='1.{}'?><properties/>", "0".repeat(MANY));
    target.passes("a version", version);
    for (what, document) in [
        ("a start tag", format!("<{name}")),
        ("a value", format!("<a b='{name}")),
        ("a comment", format!("<!--{name}")),
        ("a section", format!("<properties><![CDATA[{name}")),
        ("an instruction", format!("<?{name}")),
        ("a DOCTYPE", format!("<!DOCTYPE {name}")),
    ] {
        target.refuses(what, document, "");
    }
}

#[test]
fn a_million_of_everything() {
    let target = Target::new();
    target.passes("comments", batch(&"<!---->".repeat(MANY)));
    target.passes("instructions", batch(&"<?a?>".repeat(MANY)));
    target.passes("sections", batch(&"<![CDATA[]]>".repeat(MANY)));
    let a = "A".repeat(MANY);
    for piece in ["A<!---->", "A<?a?>", "<![CDATA[A]]>", "&#65;", "&#x41;"] {
        target.stores(piece, property(&piece.repeat(MANY)), a.as_bytes());
    }
    target.stores(
        "entities",
        property(&"&lt;".repeat(MANY)),
        "<".repeat(MANY).as_bytes(),
    );
    for (piece, words) in [
        ("<", ""),
        ("&", "&"),
        ("]]>", "]]>"),
        ("<!--", ""),
        ("<![CDATA[", ""),
        ("<a b='", ""),
        ("<a b=\"'", ""),
        ("<!", ""),
        ("</", ""),
        ("&a;", "a"),
        ("\u{0}", "U+0000"),
    ] {
        let document = format!("<properties>{}", piece.repeat(MANY));
        target.refuses(piece, document, words);
    }
    // LF, then CR LF again and again, then CR.
    let lines = format!("{}&a;", "\n\r".repeat(MANY));
    target.refuses("lines", batch(&lines), "(line 1000002, column 1)");
}

/// In UTF-16, with this byte order.
fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

const ORDERS: [fn(u16) -> [u8; 2]; 2] = [u16::to_le_bytes, u16::to_be_bytes];

#[test]
fn a_doctype_is_refused_wherever_it_stands_and_whatever_reads_the_document() {
    let target = Target::new();
    let server = &target.server;
    let told = "DOCTYPE";
    for doctype in [
        "<!DOCTYPE properties>",
        "<!DOCTYPE>",
        "<!DOCTYPE properties [<!ENTITY a '>'>]>",
        "<!DOCTYPE properties [<!ELEMENT a ANY>",
    ] {
        let whole = format!("{doctype}<properties/>");
        for document in [
            whole.clone(),
            format!("<?xml version='1.0'?>{whole}"),
            format!("<!-- a --><?b c?>\r\n {whole}"),
            format!("<properties>{doctype}</properties>"),
            format!("<properties/>{doctype}"),
            property(doctype),
        ] {
            target.refuses(doctype, &document, told);
            for order in ORDERS {
                target.refuses(doctype, utf_16(&document, order), told);
                let marked = format!("\u{FEFF}{document}");
                target.refuses(doctype, utf_16(&marked, order), told);
            }
        }
    }
    let laughs = "<!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>";
    for inside in [laughs, "<!--]>-->"] {
        let doctype = format!("<!DOCTYPE properties [{}", long(inside));
        target.refuses(
            inside,
            format!("{doctype}]><properties>&b;</properties>"),
            told,
        );
        target.refuses(inside, doctype, told);
    }
    // Whatever reads XML.
    let group = server
        .post("/groups")
        .xml("<group><groupname>g</groupname></group>");
    let group = group.gives(200).xml().attr("id").to_owned();
    let file = server.file("f");
    for (call, root) in [
        (server.put("/pages/home/properties"), "properties"),
        (server.put(format!("{file}/properties")), "properties"),
        (server.put("/users/current/properties"), "properties"),
        (server.put("/site/properties"), "properties"),
        (server.post("/users?accountpassword=pw"), "user"),
        (server.put("/users/1"), "user"),
        (server.post("/groups"), "group"),
        (server.put(format!("/groups/{group}/users")), "users"),
        (server.put("/pages/home/security"), "security"),
    ] {
        for entity in ["", " [<!ENTITY e 'x'>]", " SYSTEM 'file:///dev/zero'"] {
            let document = format!("<!DOCTYPE {root}{entity}><{root}/>");
            target.check_refused(root, &call.clone().xml(document).send(), told);
        }
    }
}

#[test]
fn utf_16_is_read_with_and_without_a_mark() {
    let target = Target::new();
    let text = "é€𝒳".repeat(50_000);
    for order in ORDERS {
        for declaration in [
            "",
            "<?xml version='1.0'?>",
            "<?xml version='1.0' encoding='utf-16'?>",
        ] {
            for mark in ["", "\u{FEFF}"] {
                let document = format!("{mark}{declaration}{}", property(&text));
                target.stores(declaration, utf_16(&document, order), text.as_bytes());
            }
        }
        let whole = utf_16(&property(&text), order);
        target.refuses("half a unit", &whole[..whole.len() - 1], "UTF-16");
        let broken = utf_16(&property("|"), order);
        let at = broken.iter().position(|&byte| byte == b'|').unwrap() & !1;
        for unit in [0xD835, 0xDCB3] {
            let broken = [&broken[..at], &order(unit), &broken[at + 2..]].concat();
            target.refuses("half a pair", broken, "UTF-16");
        }
    }
}

#[test]
fn what_nobody_can_decode_is_refused() {
    let target = Target::new();
    let (document, server) = (property("v"), &target.server);
    for label in [
        "klingon",
        "utf-7",
        "utf-32",
        "ucs-4",
        "ibm037",
        "ebcdic-cp-us",
        "replacement",
        "hz-gb-2312",
        "iso-2022-kr",
        "none",
        "-",
        "",
    ] {
        let declared = format!("<?xml version='1.0' encoding='{label}'?>{document}");
        target.refuses(label, declared, "");
        let named = server.put("/pages/home/properties");
        let named = named.typed(&format!("application/xml; charset=\"{label}\""), &document);
        let answer = named.send();
        if answer.status != 415 {
            target.check_refused(label, &answer, "");
        }
    }
    let in_ebcdic = [0x4C, 0x6F, 0xA7, 0x94, 0x93, 0x40];
    let utf_32 = |bytes: fn(u32) -> [u8; 4]| -> Vec<u8> {
        let text = format!("\u{FEFF}{document}");
        text.chars().flat_map(|c| bytes(c.into())).collect()
    };
    target.refuses("EBCDIC", in_ebcdic, "");
    target.refuses("UTF-32", utf_32(u32::to_le_bytes), "");
    target.refuses("UTF-32", utf_32(u32::to_be_bytes), "");
    target.refuses("UTF-8 with a surrogate", b"<a>\xED\xA0\x80</a>", "UTF-8");
    target.refuses(
        "UTF-8 that is too long",
        b"<a>\xC0\xBCb\xC0\xBE</a>",
        "UTF-8",
    );
    target.refuses("UTF-8 beyond Unicode", b"<a>\xF4\x90\x80\x80</a>", "UTF-8");
    target.refuses("8 MB that are no text", [0xFF].repeat(LONG), "");
}

#[test]
fn json_that_is_large_to_read() {
    let target = Target::new();
    let send = |text: String| {
        let call = target.server.put("/pages/home/properties");
        call.typed("application/json", text).send()
    };
    let refuses =
        |what: &str, text: String, words: &str| target.check_refused(what, &send(text), words);
    let passes = |what: &str, text: String| {
        assert_eq!(send(text).is(200).xml().attr("count"), "0", "{what}");
        target.check_memory(what);
    };
    let name = long("n");
    refuses("lists in lists", "[".repeat(MANY), "recursion limit");
    refuses(
        "objects in objects",
        "{\"a\":".repeat(MANY),
        "recursion limit",
    );
    refuses("a list", format!("[{}0]", "0,".repeat(MANY)), "");
    refuses(
        "lists",
        format!("{{\"a\":[{}0]}}", "[],".repeat(3 * MANY)),
        "too many",
    );
    refuses(
        "keys",
        format!("{{{}\"\":0}}", each(0..MANY, |n| format!("\"{n}\":0,"))),
        "",
    );
    refuses(
        "a key twice",
        format!("{{\"{name}\":0,\"{name}\":0}}"),
        "twice",
    );
    refuses("not closed", format!("{{\"{name}"), "EOF");
    refuses("digits", format!("{{\"a\":{}}}", long("9")), "");
    passes("a key", format!("{{\"{name}\":0}}"));
    passes("a text", format!("{{\"a\":\"{name}\"}}"));
    passes("escapes", format!("{{\"a\":\"{}\"}}", long("\\u0041")));
    passes("blanks", format!("{{{}}}", long(" \n")));
}

#[test]
fn what_is_wrong_with_an_item_is_told_in_a_few_words() {
    let target = Target::new();
    let name = long("n");
    let contents = |media_type: &str| {
        batch(&format!(
            "<property name='p'><contents type='{media_type}'>v</contents></property>"
        ))
    };
    for (what, document) in [
        ("a name", batch(&format!("<property name='{name}'/>"))),
        (
            "an etag",
            batch(&format!("<property name='small' etag='{name}'/>")),
        ),
        ("a type", contents(&name)),
        ("a subtype", contents(&format!("image/{name}"))),
        (
            "a charset",
            contents(&format!("text/plain; charset={name}")),
        ),
        (
            "a description",
            batch(&format!(
                "<property name='p'><contents type='text/plain'>v</contents><description>{name}</description></property>"
            )),
        ),
    ] {
        let answer = target.batch(document).is(207).xml();
        let status = answer.child("property").child("status");
        let error = error_message(status.child("error"), status.attr("code").parse().unwrap());
        let length = error.len();
        assert!(
            length < REFUSAL_BYTES_MAX,
            "{what}: {length} bytes are said"
        );
        target.check_memory(what);
    }
    target.refuses(
        "a language",
        batch(&format!("<language>{name}</language>")),
        "is not a language",
    );
}

/// What the server says to a head and to a body that has not come to its end.
fn cut_short(server: &Server, framing: (&str, &str), pieces: &[Vec<u8>]) -> Answer {
    let request = Request::new("PUT", format!("{API}/pages/home/properties"))
        .field("Host", server.address().to_string())
        .field("Authorization", basic("admin", PASSWORD))
        .field("Content-Type", "application/xml")
        .field(framing.0, framing.1);
    let mut connection = server.connect();
    connection.write(&request.head());
    for piece in pieces {
        // The server may have closed the connection by now.
        connection.try_write(piece);
    }
    connection.read("PUT")
}

#[test]
fn a_body_beyond_the_limit_is_not_read() {
    let target = Target::new();
    let too_large = "a batch has at most 16777216 bytes: send it in parts";
    for length in ["16777217", "99999999999", "9223372036854775807"] {
        let answer = cut_short(&target.server, ("Content-Length", length), &[]);
        assert_eq!(answer.is(413).message(), too_large);
    }
    // Of a body without a length, no more is read than would be allowed: here its end never comes.
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(1 << 20)).into_bytes();
    let answer = cut_short(
        &target.server,
        ("Transfer-Encoding", "chunked"),
        &vec![chunk; 17],
    );
    assert_eq!(answer.is(413).message(), too_large);
    let call = target.server.put("/pages/home/properties");
    let answer = call.xml(" ".repeat(MANY)).chunked(1).send();
    target.check_refused("chunks of one byte", &answer, "no root element");
}

#[test]
fn many_bombs_at_once_leave_room_for_others() {
    const BOMBS: usize = 8;
    let target = Target::new();
    let bomb = property(&"&#65;<!---->".repeat(MANY / 4));
    let small = target.server.get("/pages/home/properties/small");
    let (sent, answered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let mut connection = target.server.connect();
    let mut meanwhile = 0;
    thread::scope(|scope| {
        for _ in 0..BOMBS {
            scope.spawn(|| {
                let call = target.server.put("/pages/home/properties").xml(&bomb);
                let mut connection = target.server.connect();
                connection.write(&call.request().head());
                connection.write(&call.request().wire_body());
                sent.fetch_add(1, Ordering::SeqCst);
                connection.read("PUT");
                answered.fetch_add(1, Ordering::SeqCst);
            });
        }
        while answered.load(Ordering::SeqCst) < BOMBS / 2 {
            let all_were_sent = sent.load(Ordering::SeqCst) == BOMBS;
            connection.send(small.request()).is(200);
            if all_were_sent {
                meanwhile += 1;
            }
        }
    });
    // If the bombs were read where others are answered, hardly any would be answered before half of the bombs.
    assert!(
        meanwhile > BOMBS,
        "{meanwhile} small requests were answered meanwhile"
    );
    target.check_memory("many at once");
}
