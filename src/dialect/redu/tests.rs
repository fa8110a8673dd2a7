//! What bodies and names are read as, and how sizes are said.

use super::request::{self, Outer};
use super::response;
use crate::dialect::Part;
use crate::fault::Fault;
use crate::http::Head;
use crate::model::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, header};

fn head(fields: &[(&'static str, &str)]) -> Head {
    let mut request = Request::builder().uri("/api/x");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    Head::new(request.body(()).unwrap().into_parts().0)
}

/// What came of reading a part with these fields: the name and the type of the file.
fn file(disposition: &[u8], media_type: Option<&str>) -> Result<(String, String), String> {
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_bytes(disposition).unwrap();
    headers.insert(header::CONTENT_DISPOSITION, value);
    if let Some(media_type) = media_type {
        headers.insert(header::CONTENT_TYPE, media_type.parse().unwrap());
    }
    assert!(request::is_file(&headers), "{headers:?}");
    let part = Part {
        headers,
        body: Body::Inline(Bytes::new()),
        size: 0,
    };
    match request::file(Some(part)) {
        Ok((name, media_type, _)) => Ok((name.to_string(), media_type.given().to_owned())),
        Err(
            fault @ Fault::InvalidField {
                field: "content", ..
            },
        ) => Err(fault.to_string()),
        Err(fault) => Err(format!("{}: {fault}", fault.status().as_u16())),
    }
}

#[test]
fn a_file_is_called_what_its_part_says() {
    let name = |parameters: &str| {
        let disposition = format!("form-data; name=\"file[content]\"{parameters}");
        file(disposition.as_bytes(), None).map(|(name, _)| name)
    };
    for (parameters, expected) in [
        ("; filename=\"a.pdf\"", "a.pdf"),
        ("; filename=a.pdf", "a.pdf"),
        (" ; FileName = \"a b.pdf\" ", "a b.pdf"),
        ("; filename=\"été.pdf\"", "été.pdf"),
        ("; filename=\"a\\\"b%22c\"", "a\"b\"c"),
        ("; filename=\"100%.txt\"", "100%.txt"),
        ("; filename=\"%41\"", "%41"),
        ("; filename=\"a;b=c.txt\"", "a;b=c.txt"),
        ("; filename=\"C:\\dir\\a.txt\"", "a.txt"),
        ("; filename=\"/etc/passwd\"", "passwd"),
        ("; filename=\" a \"", " a "),
        (
            "; filename=\"x\"; filename*=UTF-8''%e2%82%ac%20rates",
            "€ rates",
        ),
        ("; filename*=utf-8'en'a%2Fb.txt", "b.txt"),
        ("; filename=\"..a\"", "..a"),
    ] {
        assert_eq!(name(parameters).as_deref(), Ok(expected), "{parameters}");
    }
    for parameters in [
        "",
        "; filename=\"\"",
        "; filename=\".\"",
        "; filename=\"..\"",
        "; filename=\"a/\"",
        "; filename=\"a%0D%0Ab\"",
        "; filename*=UTF-8''",
    ] {
        let error = name(parameters).unwrap_err();
        assert!(error.starts_with("content "), "{parameters}: {error}");
    }
    let long = format!("; filename=\"{}\"", "é".repeat(501));
    assert!(
        name(&long)
            .unwrap_err()
            .contains("maximum is 500 characters")
    );
    assert_eq!(
        name("; filename*=ISO-8859-1''%A3; filename=\"ok.txt\"").unwrap(),
        "ok.txt"
    );
    let broken = name("; filename*=UTF-8''%FF");
    assert!(broken.unwrap_err().starts_with("400: "));
    let not_utf_8 = b"form-data; name=\"file[content]\"; filename=\"\xFF\"";
    assert!(file(not_utf_8, None).unwrap_err().starts_with("400: "));
}

#[test]
fn a_file_has_the_type_that_its_part_says() {
    let of = |media_type| {
        let disposition = b"form-data; name=\"file[content]\"; filename=\"a\"";
        file(disposition, media_type).map(|(_, media_type)| media_type)
    };
    assert_eq!(of(None).unwrap(), "application/octet-stream");
    assert_eq!(
        of(Some("text/plain; charset=utf-8")).unwrap(),
        "text/plain; charset=utf-8"
    );
    let odd = "image/PNG;a=b; c=\"d;e\"";
    assert_eq!(of(Some(odd)).unwrap(), odd);
    assert!(of(Some("nonsense")).unwrap_err().starts_with("400: "));
    let long = format!("text/{}", "x".repeat(251));
    assert!(of(Some(&long)).unwrap_err().starts_with("400: "));
    assert_eq!(of(Some(&long[..255])).unwrap().len(), 255);
}

#[test]
fn other_parts_are_not_the_file() {
    for disposition in [
        "form-data; name=\"content\"; filename=\"a\"",
        "form-data; filename=\"file[content]\"",
        "form-data; name=\"x;name=file[content]\"",
        "form-data",
        "",
    ] {
        let value = disposition.parse().unwrap();
        let headers = HeaderMap::from_iter([(header::CONTENT_DISPOSITION, value)]);
        assert!(!request::is_file(&headers), "{disposition}");
    }
    assert!(!request::is_file(&HeaderMap::new()));
}

#[test]
fn a_form_says_what_json_says() {
    let form = head(&[(
        "Content-Type",
        "application/x-www-form-urlencoded; charset=UTF-8",
    )]);
    let name = |head: &Head, body: &[u8]| {
        let body = Outer::read(head, body)?;
        body.inside("folder").name().map(|name| name.to_string())
    };
    for (body, expected) in [
        ("folder[name]=a+b%20c", "a b c"),
        ("folder%5Bname%5D=%C3%A9", "é"),
        ("x=1&&folder[name]=a&folder[other]=b&utf8=%E2%9C%93", "a"),
    ] {
        assert_eq!(name(&form, body.as_bytes()).unwrap(), expected, "{body}");
    }
    let json = head(&[("Content-Type", "text/plain")]);
    for body in [
        "{\"folder\":{\"name\":\"a\",\"x\":1},\"y\":2}",
        "\u{FEFF}{\"folder\":{\"name\":\"a\"}}",
    ] {
        assert_eq!(name(&json, body.as_bytes()).unwrap(), "a", "{body}");
    }
    for (head, body, status) in [
        (&form, &b"folder[name]=%FF"[..], 400),
        (&form, b"", 422),
        (&form, b"folder=1", 422),
        (&form, b"folder[name]=+", 422),
        (&json, b"", 400),
        (&json, b"{", 400),
        (&json, b"\xFF", 400),
        (&json, b"[]", 422),
        (&json, b"{\"folder\":[]}", 422),
        (&json, b"{\"folder\":{\"name\":null}}", 422),
        (&json, b"{\"folder\":{\"name\":1}}", 422),
        (&json, b"{\"folder\":{\"name\":\"\\u0000\"}}", 422),
    ] {
        let fault = name(head, body).unwrap_err();
        assert_eq!(fault.status().as_u16(), status, "{body:?}: {fault}");
    }
}

#[test]
fn sizes_are_megabytes_with_two_decimals() {
    for (bytes, said) in [
        (0, "0Mb"),
        (1, "0.01Mb"),
        (12_213, "0.01Mb"),
        (15_728, "0.01Mb"),
        (15_729, "0.02Mb"),
        (1_572_864, "1.5Mb"),
        (1 << 20, "1Mb"),
        (138_412_032, "132Mb"),
        (104_857_600, "100Mb"),
    ] {
        assert_eq!(response::megabytes(bytes), said, "{bytes}");
    }
}
