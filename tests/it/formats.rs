//! The same answers in other formats, and batches in JSON (`mindtouch.md` §12; `clients.md` §5).

use crate::harness::{Answer, Call, Server};
use serde_json::{Value, json};

const JSON: &str = "application/json; charset=utf-8";
const PHP: &str = "application/php; charset=utf-8";

/// An answer that has to be JSON.
fn json_of(answer: &Answer) -> Value {
    assert_eq!(answer.field("content-type"), Some(JSON), "{answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

/// A GET of this path in this format.
fn formatted<'a>(server: &'a Server, path: &str, format: &str) -> Call<'a> {
    let mark = if path.contains('?') { '&' } else { '?' };
    server.get(format!("{path}{mark}dream.out.format={format}"))
}

fn get_json(server: &Server, path: &str) -> Value {
    json_of(&formatted(server, path, "json").gives(200))
}

/// Reads what PHP's `serialize` writes; lists become arrays.
fn unserialize(text: &str) -> Value {
    let mut rest = text.as_bytes();
    let value = php_value(&mut rest);
    assert_eq!(rest, b"", "there is something behind the value: {text}");
    value
}

fn php_value(rest: &mut &[u8]) -> Value {
    let kind = rest[0];
    let length = match kind {
        b's' | b'a' => {
            *rest = &rest[2..];
            php_number(rest, b':')
        }
        b'i' => {
            *rest = &rest[2..];
            return php_number(rest, b';').into();
        }
        other => panic!("{:?} begins no value", char::from(other)),
    };
    if kind == b's' {
        assert_eq!(rest[0], b'"');
        let text = std::str::from_utf8(&rest[1..=length]).unwrap().to_owned();
        assert_eq!(&rest[length + 1..length + 3], b"\";");
        *rest = &rest[length + 3..];
        return text.into();
    }
    assert_eq!(rest[0], b'{');
    *rest = &rest[1..];
    let entries: Vec<(Value, Value)> = (0..length)
        .map(|_| (php_value(rest), php_value(rest)))
        .collect();
    assert_eq!(rest[0], b'}');
    *rest = &rest[1..];
    if entries.iter().all(|(key, _)| key.is_number()) && length > 0 {
        for (index, (key, _)) in entries.iter().enumerate() {
            assert_eq!(*key, json!(index));
        }
        return entries.into_iter().map(|(_, value)| value).collect();
    }
    let text = |key: Value| key.as_str().unwrap().to_owned();
    entries
        .into_iter()
        .map(|(key, value)| (text(key), value))
        .collect()
}

fn php_number(rest: &mut &[u8], end: u8) -> usize {
    let at = rest.iter().position(|&byte| byte == end).unwrap();
    let number = std::str::from_utf8(&rest[..at]).unwrap().parse().unwrap();
    *rest = &rest[at + 1..];
    number
}

#[test]
fn a_list_in_json_has_no_root_and_one_child_is_an_object() {
    let server = Server::start();
    let file = server.new_file();
    let list = format!("{file}/properties");
    let empty = get_json(&server, &list);
    assert_eq!(empty["@count"], "0");
    assert_eq!(empty.get("property"), None);
    server.property(&file, "a", "é");
    let one = get_json(&server, &list);
    assert_eq!(one["property"]["@name"], "a");
    assert_eq!(one["property"]["contents"]["#text"], "é");
    assert_eq!(one["property"]["contents"]["@size"], "2");
    assert_eq!(one["property"]["user.modified"]["@id"], "1");
    assert_eq!(one["property"]["user.modified"]["fullname"], "");
    let date = one["property"]["date.modified"].as_str().unwrap();
    assert!(date.ends_with(" GMT"), "{date}");
    server.property(&file, "b", &"x".repeat(2049));
    let two = get_json(&server, &list);
    assert_eq!(two["@count"], "2");
    let names: Vec<&Value> = two["property"]
        .as_array()
        .unwrap()
        .iter()
        .map(|property| &property["@name"])
        .collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(two["property"][1]["contents"].get("#text"), None);
    // Attributes first, then text and elements by the code of their characters.
    let text = formatted(&server, &list, "json").gives(200);
    let text = text.text();
    let places: Vec<usize> = [
        "@name",
        "@href",
        "@etag",
        "contents",
        "date.modified",
        "user.mod",
    ]
    .iter()
    .map(|key| text.find(&format!("\"{key}")).unwrap())
    .collect();
    assert!(places[1..].is_sorted(), "{text}");
}

#[test]
fn a_property_text_that_looks_like_a_date_stays_as_it_is() {
    let server = Server::start();
    let file = server.new_file();
    server.property(&file, "date.modified", "2009-03-20T23:52:50Z");
    let info = get_json(&server, &format!("{file}/properties/date.modified/info"));
    assert_eq!(info["contents"]["#text"], "2009-03-20T23:52:50Z");
    assert_eq!(info["@name"], "date.modified");
}

#[test]
fn php_and_jsonp_say_the_same_as_json_with_the_name_of_the_root() {
    let server = Server::start();
    let file = server.new_file();
    for (name, text) in [
        ("ä\"';{}", "ü \u{1F600} \u{2028}"),
        ("b", ""),
        ("c", "s:1:\"x\";"),
    ] {
        let slug = crate::harness::percent(name.as_bytes());
        server.property(&file, &slug, text);
    }
    for path in [
        format!("{file}/properties"),
        format!("{file}/properties/b/info"),
        format!("{file}/info"),
        "/users".to_owned(),
        "/users/current".to_owned(),
    ] {
        let json = get_json(&server, &path);
        let answer = formatted(&server, &path, "jsonp").gives(200);
        assert_eq!(answer.field("content-type"), Some(JSON));
        let inner = answer
            .text()
            .strip_prefix('(')
            .and_then(|text| text.strip_suffix(')'));
        let jsonp: Value = serde_json::from_str(inner.unwrap()).unwrap();
        let (root, value) = jsonp.as_object().unwrap().iter().next().unwrap();
        assert_eq!(*value, json);
        let answer = formatted(&server, &path, "PHP").gives(200);
        assert_eq!(answer.field("content-type"), Some(PHP));
        let php = unserialize(answer.text());
        assert_eq!(php.as_object().unwrap().len(), 1);
        assert_eq!(without_dates(&php[root]), without_dates(&json), "{path}");
        let dates = answer.text().matches("\"2").count();
        assert!(dates > 0 || path.starts_with("/users"), "{path}");
    }
}

/// PHP keeps dates as XML has them.
fn without_dates(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(key, _)| !key.starts_with("date."))
            .map(|(key, value)| (key.clone(), without_dates(value)))
            .collect(),
        Value::Array(values) => values.iter().map(without_dates).collect(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            other.clone()
        }
    }
}

#[test]
fn accept_asks_for_json_as_well_and_the_query_decides() {
    let server = Server::start();
    let file = server.new_file();
    server.property(&file, "a", "v");
    let path = format!("{file}/properties");
    for (accept, query, media_type) in [
        ("application/json", "", JSON),
        ("application/json, text/plain, */*", "", JSON),
        ("*/*", "", "application/xml; charset=utf-8"),
        (
            "application/json",
            "?dream.out.format=xml",
            "application/xml; charset=utf-8",
        ),
        ("text/xml", "?dream.out.format=json", JSON),
        ("application/json", "?dream.out.format=php", PHP),
    ] {
        let call = server.get(format!("{path}{query}")).field("Accept", accept);
        let answer = call.gives(200);
        assert_eq!(
            answer.field("content-type"),
            Some(media_type),
            "{accept} {query}"
        );
    }
    let raw = server
        .get(format!("{path}/a"))
        .field("Accept", "application/json");
    assert_eq!(raw.gives(200).text(), "v");
}

#[test]
fn errors_have_the_format_too() {
    let server = Server::start();
    let path = "/files/99/properties";
    let message = "Could not find requested file attachment";
    let error = json_of(&formatted(&server, path, "json").gives(404));
    assert_eq!(error["status"], "404");
    assert_eq!(error["title"], "Not Found");
    assert_eq!(error["message"], message);
    let answer = formatted(&server, path, "php").gives(404);
    assert_eq!(unserialize(answer.text())["error"]["message"], message);
    let accepting = server.get(path).field("Accept", "application/json");
    assert_eq!(json_of(&accepting.gives(404))["status"], "404");
    // Also for who would rather have text: the query decides.
    let call = formatted(&server, path, "json").field("Accept", "text/plain");
    assert_eq!(json_of(&call.gives(404))["status"], "404");
    let wrong = formatted(&server, "/site/properties", "json").user("admin", "wrong");
    assert_eq!(json_of(&wrong.gives(401))["status"], "401");
    let nowhere = formatted(&server, "/nothing", "php").gives(404);
    assert_eq!(unserialize(nowhere.text())["error"]["status"], "404");
}

#[test]
fn a_format_that_is_not_there_is_told_after_all_that_comes_before_it() {
    let server = Server::start();
    let message = "yaml output format not supported";
    formatted(&server, "/site/properties", "yaml").fails(400, message);
    for format in ["xhtml", "xspan", "versit"] {
        formatted(&server, "/site/properties", format).gives(400);
    }
    formatted(&server, "/site/properties", "yaml")
        .anonymous()
        .gives(401);
    let file = server.new_file();
    let put = server.put(format!("{file}/properties?dream.out.format=yaml"));
    put.xml("<properties><property name='a'><contents type='text/plain'/></property></properties>")
        .fails(400, message);
    server.get(format!("{file}/properties/a")).gives(404);
}

#[test]
fn a_callback_gets_json_as_a_script() {
    let server = Server::start();
    let path = "/users/current?dream.out.format=json&dream.out.callback=app.got_it";
    let answer = server.get(path).gives(200);
    let text = answer.text();
    assert!(text.starts_with("app.got_it({\"@id\":\"1\","), "{text}");
    assert!(text.ends_with("});"), "{text}");
    // A browser takes the type of JSON for a script only if it may look at it.
    assert_eq!(answer.field("x-content-type-options"), None);
    let around = "/users/current?dream.out.format=json&dream.out.pre=A&dream.out.post=%3C%2FB";
    let answer = server.get(around).gives(200);
    assert!(answer.text().starts_with("A{") && answer.text().ends_with("}</B"));
    assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
    for bad in [
        "a-b",
        "alert(1)//",
        "a..b",
        "%3Cscript%3E",
        &"a".repeat(129),
    ] {
        let path = format!("/users/current?dream.out.format=json&dream.out.callback={bad}");
        server.get(path).gives(400);
    }
}

#[test]
fn what_is_no_xml_is_left_alone_in_every_format() {
    let server = Server::start();
    let file = server.new_file();
    server.property(&file, "a", "{\"x\":1}");
    for format in ["json", "jsonp", "php", "xml"] {
        let text = |path: String| {
            formatted(&server, &path, format)
                .gives(200)
                .text()
                .to_owned()
        };
        assert_eq!(text(format!("{file}/properties/a")), "{\"x\":1}");
        assert_eq!(text(file.clone()), "content");
        let token = formatted(&server, "/users/authenticate", format).gives(200);
        assert_eq!(
            token.field("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert!(!token.text().contains(['"', '\n', '<']));
        let delete = server.delete(format!("{file}/properties/a?dream.out.format={format}"));
        assert_eq!(delete.gives(200).body, b"");
        server.property(&file, "a", "{\"x\":1}");
    }
}

#[test]
fn a_value_that_is_xml_can_be_had_in_another_format() {
    let server = Server::start();
    let file = server.new_file();
    let put = |name: &str, media_type: &str, value: &str| {
        server
            .put(format!("{file}/properties/{name}?abort=never"))
            .typed(media_type, value)
            .gives(200);
        format!("{file}/properties/{name}")
    };
    let long = format!("<html date.x='1'><b>ü{}</b><b/></html>", "x".repeat(5000));
    let path = put("html", "application/xml", &long);
    let value = json_of(&formatted(&server, &path, "json").gives(200));
    assert_eq!(value["b"][0].as_str().unwrap().chars().count(), 5001);
    let answer = formatted(&server, &path, "php").gives(200);
    assert!(
        answer
            .text()
            .starts_with("a:1:{s:4:\"html\";a:2:{s:7:\"@date.x\";s:1:\"1\";")
    );
    assert!(answer.field("etag").is_some());
    assert_eq!(server.get(&path).gives(200).text(), long);
    let accepting = server.get(&path).field("Accept", "application/json");
    assert_eq!(accepting.gives(200).text(), long);
    let script = server
        .get(format!(
            "{path}?dream.out.format=jsonp&dream.out.callback=f"
        ))
        .gives(200);
    assert!(script.text().starts_with("f({\"html\":{"));
    assert_eq!(script.field("x-content-type-options"), None);
    let path = put(
        "date",
        "text/xml",
        "<date.modified>2009-03-20T23:52:50Z</date.modified>",
    );
    let value = json_of(&formatted(&server, &path, "json").gives(200));
    assert_eq!(value, "2009-03-20T23:52:50Z");
    // What only calls itself XML, or has a DOCTYPE, comes as it is.
    for (name, value) in [("broken", "<a><b></a>"), ("dtd", "<!DOCTYPE a><a/>")] {
        let path = put(name, "application/xml", value);
        let answer = formatted(&server, &path, "php").gives(200);
        assert_eq!(answer.text(), value);
        assert_eq!(answer.field("content-type"), Some("application/xml"));
    }
}

/// Sends a batch in JSON.
fn batch(server: &Server, owner: &str, batch: &Value) -> Answer {
    let path = format!("{owner}/properties?dream.out.format=json");
    server
        .put(path)
        .typed("application/json", batch.to_string())
        .send()
}

#[test]
fn a_batch_in_json_does_what_it_does_in_xml() {
    let server = Server::start();
    let file = server.new_file();
    let old = server.property(&file, "old", "1");
    server.property(&file, "gone", "1");
    let answer = batch(
        &server,
        &file,
        &json!({"property": [
            {"@name": "new", "contents": {"@type": "text/plain", "#text": "<ü>\r\n\u{1}"}, "description": "why"},
            {"@name": "old", "@etag": old, "contents": {"@type": "text/plain", "#text": "2"}},
            {"@name": "gone"},
            {"@name": "empty", "contents": {"@type": "text/plain"}},
            {"@name": "untyped", "contents": "x"},
            {"@name": "stale", "@etag": old, "contents": {"@type": "text/plain"}},
        ]}),
    );
    let told = json_of(&answer.is(207));
    assert_eq!(told["@count"], "4");
    let statuses: Vec<(&str, &str)> = told["property"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| {
            let code = block["status"]["@code"].as_str().unwrap();
            (block["@name"].as_str().unwrap(), code)
        })
        .collect();
    let expected = [
        ("new", "200"),
        ("old", "200"),
        ("gone", "200"),
        ("empty", "200"),
        ("untyped", "400"),
        ("stale", "409"),
    ];
    assert_eq!(statuses, expected);
    assert_eq!(told["property"][0]["change-description"], "why");
    let stored = server.get(format!("{file}/properties/new")).gives(200);
    assert_eq!(stored.text(), "<ü>\r\n\u{1}");
    server.get(format!("{file}/properties/gone")).gives(404);
}

#[test]
fn what_a_list_says_in_json_can_be_sent_back() {
    let server = Server::start();
    for owner in [
        server.new_file(),
        "/pages/home".to_owned(),
        "/site".to_owned(),
    ] {
        for count in 1..=2 {
            server.property(&owner, &format!("p{count}"), "v");
            let list = get_json(&server, &format!("{owner}/properties"));
            let answer = json_of(&batch(&server, &owner, &list).is(200));
            assert_eq!(answer["@count"], count.to_string());
            let jsonp = json!({ "properties": get_json(&server, &format!("{owner}/properties")) });
            batch(&server, &owner, &jsonp).is(200);
        }
    }
}

#[test]
fn a_value_that_a_list_leaves_out_is_not_emptied_when_the_list_is_sent_back() {
    let server = Server::start();
    let file = server.new_file();
    let long = "x".repeat(3000);
    server.property(&file, "long", &long);
    let list = get_json(&server, &format!("{file}/properties"));
    let answer = batch(&server, &file, &list).is(400);
    assert!(
        json_of(&answer)["message"]
            .as_str()
            .unwrap()
            .contains("'#text'")
    );
    let none = json!({"property": {"@name": "long", "contents": []}});
    batch(&server, &file, &none).is(400);
    assert_eq!(
        server
            .get(format!("{file}/properties/long"))
            .gives(200)
            .text(),
        long
    );
}

#[test]
fn json_that_is_no_batch_is_refused_whole_and_told_where() {
    let server = Server::start();
    let file = server.new_file();
    let item = r##"{"@name":"a","contents":{"@type":"text/plain","#text":"v"}}"##;
    for (body, expected) in [
        (format!(r#"{{"property":[{item},]}}"#), "line 1 column"),
        (
            format!(r#"{{"property":[{item},{item}]}}"#),
            "included two or more times",
        ),
        (
            format!(r#"{{"property":[{item},7]}}"#),
            "property[1] has to be an object",
        ),
        (
            format!(r#"{{"property":{item},"property":{item}}}"#),
            "is there twice",
        ),
        ("[]".to_owned(), "has to be an object"),
        (String::new(), "line 1 column 0"),
        ("\u{FEFF}7".to_owned(), "has to be an object"),
    ] {
        let put = server.put(format!("{file}/properties"));
        let answer = put.typed("application/json", &body).gives(400);
        let message = answer.message();
        assert!(message.contains(expected), "{body}: {message}");
        server.get(format!("{file}/properties/a")).gives(404);
    }
    let put = server.put(format!("{file}/properties"));
    put.typed("application/json", b"{\"property\":\"\xFF\"}")
        .gives(400);
    let answer = batch(
        &server,
        &file,
        &json!({"property": {"@name": "\u{0}", "contents": ""}}),
    );
    assert_eq!(json_of(&answer.is(207))["@count"], "0");
}

#[test]
fn a_long_value_that_is_xml_comes_as_it_is_in_every_format() {
    let server = Server::start();
    let path = format!("{}/properties/p", server.new_file());
    for (bytes, is_converted) in [(1 << 20, true), ((1 << 20) + 1, false)] {
        let value = format!("<a>{}</a>", "x".repeat(bytes - "<a></a>".len()));
        let put = server.put(format!("{path}?abort=never"));
        put.typed("application/xml", &value).gives(200);
        let answer = formatted(&server, &path, "json").gives(200);
        let media_type = if is_converted {
            JSON
        } else {
            "application/xml"
        };
        assert_eq!(answer.field("content-type"), Some(media_type), "{bytes}");
    }
}
