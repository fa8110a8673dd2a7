//! A document as a tree, built from what the parser of propstore tells.

use propstore::xml::{Event, Malformed, Parser, Writer};

/// An element.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Its name, with its prefix.
    pub name: String,
    /// Its attributes.
    pub attributes: Vec<(String, String)>,
    /// What is in it.
    pub inside: Vec<Piece>,
}

/// A piece of what is in an element.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Text, which is not empty and beside no other.
    Text(String),
    /// An element.
    Node(Node),
}

/// Reads a document.
pub fn read(document: &str) -> Result<Node, Malformed> {
    let mut parser = Parser::new(document)?;
    let mut open = vec![Node::default()];
    while let Some(event) = parser.next_event()? {
        match event {
            Event::Start(element) => open.push(Node {
                name: element.name.to_owned(),
                attributes: element
                    .into_attributes()
                    .map(|(name, value)| (name.to_owned(), value.into_owned()))
                    .collect(),
                inside: Vec::new(),
            }),
            Event::Text(piece) => {
                let inside = &mut open.last_mut().expect("there is always one").inside;
                match inside.last_mut() {
                    _ if piece.is_empty() => {}
                    Some(Piece::Text(text)) => text.push_str(&piece),
                    Some(Piece::Node(_)) | None => inside.push(Piece::Text(piece.into_owned())),
                }
            }
            Event::End => {
                let node = open.pop().expect("there is always one");
                open.last_mut()
                    .expect("no end without a start")
                    .inside
                    .push(Piece::Node(node));
            }
        }
    }
    let [document] = &mut open[..] else {
        panic!("{} elements are open at the end", open.len() - 1)
    };
    match document.inside.pop() {
        Some(Piece::Node(root)) if document.inside.is_empty() => Ok(root),
        other => panic!("{other:?} is no root"),
    }
}

/// Writes a document.
pub fn write(root: &Node) -> String {
    fn element(writer: &mut Writer, node: &Node) {
        writer.start(&node.name);
        for (name, value) in &node.attributes {
            writer.attribute(name, value);
        }
        for piece in &node.inside {
            match piece {
                Piece::Text(text) => drop(writer.text(text)),
                Piece::Node(node) => element(writer, node),
            }
        }
        writer.end(&node.name);
    }
    let mut writer = Writer::default();
    element(&mut writer, root);
    writer.finish()
}

/// The element of this name in another one.
pub fn child<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    node.inside.iter().find_map(|piece| match piece {
        Piece::Node(node) if node.name == name => Some(node),
        Piece::Node(_) | Piece::Text(_) => None,
    })
}

/// The value of an attribute.
pub fn attribute<'a>(node: &'a Node, name: &str) -> Option<&'a str> {
    let found = node.attributes.iter().find(|(n, _)| n == name);
    found.map(|(_, value)| value.as_str())
}
