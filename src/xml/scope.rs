//! Which namespace a prefix stands for at a place of a document (Namespaces in XML 1.0).

use super::malformed::Brief;
use super::tag::Attribute;
use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::BuildHasher;

const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS_NAMESPACE: &str = "http://www.w3.org/2000/xmlns/";

/// A namespace declaration that is in force.
pub(super) struct Binding<'a> {
    /// How deep the element lies that makes it; the root has 1.
    pub(super) depth: usize,
    prefix: &'a str,
    /// Empty: no namespace.
    pub(super) uri: Cow<'a, str>,
    /// Compared before the names themselves: they may be long, and compared often.
    uri_hash: u64,
    /// The outer declaration that it hides.
    hidden: Option<usize>,
}

/// The namespace declarations that are in force.
#[derive(Default)]
pub(super) struct Scope<'a> {
    bindings: Vec<Binding<'a>>,
    /// The innermost of each prefix; the empty one is that of the default namespace.
    innermost: HashMap<&'a str, usize>,
}

impl<'a> Scope<'a> {
    /// What a prefix stands for; of the empty one, the default namespace.
    pub(super) fn find(&self, prefix: &str) -> Option<&Binding<'a>> {
        self.bindings.get(*self.innermost.get(prefix)?)
    }

    /// Takes in what an attribute declares, if it declares something.
    ///
    /// # Errors
    /// What is wrong with the declaration.
    pub(super) fn declare(
        &mut self,
        depth: usize,
        attribute: &Attribute<'a>,
    ) -> Result<(), String> {
        let prefix = match attribute.name.split_once(':') {
            None if attribute.name == "xmlns" => "",
            Some(("xmlns", prefix)) => prefix,
            None | Some(_) => return Ok(()),
        };
        let uri = attribute.value.clone();
        let is_reserved = uri == XML_NAMESPACE || uri == XMLNS_NAMESPACE;
        match prefix {
            "xmlns" => return Err("the prefix xmlns must not be declared".to_owned()),
            "xml" if uri != XML_NAMESPACE => {
                return Err(format!("the prefix xml can only stand for {XML_NAMESPACE}"));
            }
            "xml" => {}
            _ if is_reserved => {
                return Err(format!(
                    "the namespace {uri} belongs to another prefix and cannot be declared"
                ));
            }
            "" => {}
            _ if uri.is_empty() => {
                return Err(format!(
                    "the prefix {} has to stand for a namespace: xmlns:…=\"\" is only for XML 1.1",
                    Brief(prefix)
                ));
            }
            _ => {}
        }
        let hidden = self.innermost.insert(prefix, self.bindings.len());
        self.bindings.push(Binding {
            depth,
            prefix,
            uri_hash: self.innermost.hasher().hash_one(&uri),
            uri,
            hidden,
        });
        Ok(())
    }

    /// Forgets what elements of this depth and below have declared.
    pub(super) fn leave(&mut self, depth: usize) {
        while let Some(binding) = self.bindings.pop_if(|binding| binding.depth >= depth) {
            match binding.hidden {
                Some(outer) => self.innermost.insert(binding.prefix, outer),
                None => self.innermost.remove(binding.prefix),
            };
        }
    }

    /// Checks that a prefix stands for something.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn check_prefix(&self, prefix: &str) -> Result<(), String> {
        let shown = Brief(prefix);
        match prefix {
            "xml" => Ok(()),
            "xmlns" => Err("the prefix xmlns is only for declarations".to_owned()),
            _ if self.find(prefix).is_some() => Ok(()),
            _ => Err(format!(
                "the prefix {shown} is not declared: add xmlns:{shown}=\"…\""
            )),
        }
    }

    /// Finds two attributes that have the same name in the same namespace by way of two prefixes, and returns the
    /// second. All prefixes have to be declared.
    pub(super) fn repeated<'b>(
        &self,
        attributes: &'b [Attribute<'a>],
    ) -> Option<&'b Attribute<'a>> {
        let mut named: Vec<_> = attributes
            .iter()
            .filter_map(|attribute| {
                let (prefix, local) = attribute.name.split_once(':')?;
                // None but the prefix xml itself stands for its namespace, and what xmlns declares is no name.
                let binding = self
                    .find(prefix)
                    .filter(|_| !matches!(prefix, "xml" | "xmlns"))?;
                Some((local, binding.uri_hash, attribute.at, binding, attribute))
            })
            .collect();
        if named.len() < 2 {
            return None;
        }
        named.sort_unstable_by_key(|&(local, hash, at, ..)| (local, hash, at));
        let pair = named.windows(2).find(|pair| {
            (pair[0].0, pair[0].1) == (pair[1].0, pair[1].1) && pair[0].3.uri == pair[1].3.uri
        })?;
        Some(pair[1].4)
    }
}
