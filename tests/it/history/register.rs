//! What the properties of one resource are, as the specification has it (`mindtouch.md` §6, §7, §12; `promises.md` 4 to 7).
//!
//! A property is there, with a value and a revision, or it is not. All of a resource are one state, so that a list and a
//! batch are one operation each, and a list that shows half a batch is found. Nothing here knows how the server works.
//!
//! Every write of a history has a value of its own, so a value names the write that made it, and an etag names one too: the
//! table of both is made from all answers first. It is itself a test, for an etag that stands for two values has come back.

use super::linear::{self, Effort, Model, Operation, Stuck};
use std::collections::HashMap;
use std::fmt::{self, Display, Formatter, Write};

/// A property, by its place in the state.
pub(crate) type Key = usize;

/// A write, by the value that only it has.
pub(crate) type Value = u32;

/// Something that is asked of the properties of a resource.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Call {
    /// What these are, all at one moment; and how it was asked.
    Read(&'static str, Vec<Key>),
    /// These changes at one moment; and how that was asked.
    Write(&'static str, Vec<Change>),
}

/// A change of one property. A batch has no two of the same.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    /// Of which property.
    pub(crate) key: Key,
    /// In which case it is to be made.
    pub(crate) when: When,
    /// What it becomes, or that it is deleted.
    pub(crate) put: Option<Value>,
}

/// In which case a change is to be made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum When {
    /// In any.
    Always,
    /// If there is no such property.
    Absent,
    /// If it has this etag.
    Is(String),
}

/// What was answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// What each property is, in the order of the question.
    Saw(Vec<Option<Shown>>),
    /// What became of each change, in order.
    Did(Vec<Said>),
}

/// A property as an answer shows it, as far as it does.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shown {
    /// Its value.
    pub(crate) value: Option<Value>,
    /// Its etag.
    pub(crate) etag: Option<String>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    /// It was made, and this is the new etag, if that was told.
    Done(Option<String>),
    /// The property is not what it was to be.
    Stale,
    /// There is nothing to delete.
    Missing,
    /// It is not there any more, if it was.
    Cleared,
}

/// What a property is at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Head {
    value: Value,
    revision: u32,
}

/// An answer that cannot be.
struct Wrong;

/// All properties of a resource.
pub(crate) type State = Vec<Option<Head>>;

/// An operation on a resource.
pub(crate) type Asked = Operation<Call, Answer>;

/// An etag, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Version {
    property: u64,
    revision: u32,
}

/// The properties of a resource, with what all answers of a history say of etags.
#[derive(Debug, Default)]
pub(crate) struct Register {
    version_of: HashMap<(Key, Value), Version>,
    value_at: HashMap<Version, (Key, Value)>,
    value_of: HashMap<String, (Key, Value)>,
}

/// Checks the history of one resource that has so many properties, none of which is there at the start.
///
/// # Errors
/// Why it cannot be, in words: the smallest part that shows it.
pub(crate) fn check(keys: usize, history: &[Asked]) -> Result<Effort, String> {
    let register = Register::of(history)?;
    let whole = match linear::check(&register, vec![None; keys], history) {
        Ok(effort) => return Ok(effort),
        Err(stuck) => stuck,
    };
    // What is wrong with one property alone is easier to read.
    for key in 0..keys {
        let part: Vec<Asked> = history.iter().filter_map(|asked| asked.of(key)).collect();
        if let Err(stuck) = linear::check(&register, vec![None; keys], &part) {
            return Err(tell(&part, &stuck, Some(key)));
        }
    }
    Err(tell(history, &whole, None))
}

impl Register {
    /// Reads from all answers which value has which etag.
    fn of(history: &[Asked]) -> Result<Self, String> {
        let mut register = Register::default();
        for asked in history {
            let learned = asked
                .pairs()
                .into_iter()
                .try_for_each(|(of, etag)| register.learn(of, etag));
            learned.map_err(|error| format!("{error}\nwhich shows in {asked}"))?;
        }
        Ok(register)
    }

    fn learn(&mut self, of: (Key, Value), etag: &str) -> Result<(), String> {
        let version = Version::of(etag)?;
        let told = |(key, value)| format!("{}=w{value}", name(key));
        match self.value_of.insert(etag.to_owned(), of) {
            Some(other) if other != of => {
                return Err(format!(
                    "the etag {etag} stands for {} and for {}",
                    told(other),
                    told(of)
                ));
            }
            Some(_) => return Ok(()),
            None => {}
        }
        if self.version_of.insert(of, version).is_some() {
            return Err(format!("{} has a second etag: {etag}", told(of)));
        }
        match self.value_at.insert(version, of) {
            Some(other) => Err(format!(
                "{} is the same revision as {}: {etag}",
                told(of),
                told(other)
            )),
            None => Ok(()),
        }
    }

    /// Whether the etag, if one is given, is that of what the property is.
    fn is_of(&self, etag: &str, key: Key, head: Head) -> bool {
        self.value_of.get(etag) == Some(&(key, head.value))
    }

    /// Whether the property is shown as it is.
    fn shows(&self, key: Key, head: Option<Head>, shown: Option<&Shown>) -> bool {
        let (head, shown) = match (head, shown) {
            (None, None) => return true,
            (Some(head), Some(shown)) => (head, shown),
            (None, Some(_)) | (Some(_), None) => return false,
        };
        shown.value.is_none_or(|value| value == head.value)
            && shown
                .etag
                .as_ref()
                .is_none_or(|etag| self.is_of(etag, key, head))
    }

    /// What a property becomes by a change that is made, if what was said of it is right.
    ///
    /// A new revision is one of the same property, and one more. That of a deletion has no value, but it counts.
    fn done(
        &self,
        head: Option<Head>,
        change: &Change,
        etag: Option<&str>,
    ) -> Result<Option<Head>, Wrong> {
        let version_of = |value| self.version_of.get(&(change.key, value)).copied();
        let revision = head.map_or(1, |head| head.revision + 1);
        let told = etag.map(|etag| Version::of(etag).expect("only good etags are recorded"));
        let old = head.and_then(|head| version_of(head.value));
        let new = told.or_else(|| version_of(change.put?));
        let follows = old
            .zip(new)
            .is_none_or(|(old, new)| old.property == new.property);
        let counts = new.is_none_or(|new| new.revision == revision);
        if follows && counts {
            Ok(change.put.map(|value| Head { value, revision }))
        } else {
            Err(Wrong)
        }
    }

    fn change(
        &self,
        head: Option<Head>,
        change: &Change,
        said: Option<&Said>,
    ) -> Result<Option<Head>, Wrong> {
        if said == Some(&Said::Cleared) {
            return Ok(None);
        }
        let is_met = match &change.when {
            When::Always => true,
            When::Absent => head.is_none(),
            When::Is(etag) => head.is_some_and(|head| self.is_of(etag, change.key, head)),
        };
        // A property that is not there is missing, whatever it should have been.
        let refusal = match (head, change.put) {
            (None, None) => Some(Said::Missing),
            (Some(_), None) | (_, Some(_)) => (!is_met).then_some(Said::Stale),
        };
        match (refusal, said) {
            (None, None) => self.done(head, change, None),
            (None, Some(Said::Done(etag))) => self.done(head, change, etag.as_deref()),
            (Some(_), None) => Ok(head),
            (Some(refusal), Some(said)) if refusal == *said => Ok(head),
            (Some(_), Some(_)) | (None, Some(Said::Stale | Said::Missing | Said::Cleared)) => {
                Err(Wrong)
            }
        }
    }
}

impl Model for Register {
    type State = State;
    type Call = Call;
    type Answer = Answer;

    fn step(&self, state: &State, call: &Call, answer: Option<&Answer>) -> Option<State> {
        match (call, answer) {
            (Call::Read(_, keys), Some(Answer::Saw(shown))) => {
                let mut seen = keys.iter().zip(shown);
                let is_right =
                    seen.all(|(&key, shown)| self.shows(key, state[key], shown.as_ref()));
                (is_right && keys.len() == shown.len()).then(|| state.clone())
            }
            (Call::Read(..), None) => Some(state.clone()),
            (Call::Write(_, changes), None) => {
                let mut after = state.clone();
                for change in changes {
                    after[change.key] = self.change(state[change.key], change, None).ok()?;
                }
                Some(after)
            }
            (Call::Write(_, changes), Some(Answer::Did(said))) if said.len() == changes.len() => {
                let mut after = state.clone();
                for (change, said) in changes.iter().zip(said) {
                    after[change.key] = self.change(state[change.key], change, Some(said)).ok()?;
                }
                Some(after)
            }
            (Call::Read(..) | Call::Write(..), Some(Answer::Did(_) | Answer::Saw(_))) => None,
        }
    }

    fn only_looks(&self, call: &Call, answer: &Answer) -> bool {
        match (call, answer) {
            (Call::Read(..), _) => true,
            (Call::Write(..), Answer::Did(said)) => said.iter().all(|said| match said {
                Said::Stale | Said::Missing => true,
                Said::Done(_) | Said::Cleared => false,
            }),
            (Call::Write(..), Answer::Saw(_)) => false,
        }
    }
}

impl Version {
    fn of(etag: &str) -> Result<Self, String> {
        let parts = || {
            let (property, rest) = etag.split_once(".r")?;
            let (revision, _) = rest.split_once("_ts")?;
            Some(Version {
                property: property.parse().ok()?,
                revision: revision.parse().ok()?,
            })
        };
        parts().ok_or_else(|| format!("this is no etag: {etag:?}"))
    }
}

impl Asked {
    /// Each value with its etag, where the answer tells both.
    fn pairs(&self) -> Vec<((Key, Value), &str)> {
        fn pair(
            key: Key,
            value: Option<Value>,
            etag: Option<&String>,
        ) -> Option<((Key, Value), &str)> {
            Some(((key, value?), etag?.as_str()))
        }
        match (&self.call, &self.answer) {
            (Call::Write(_, changes), Some(Answer::Did(said))) => {
                let done = changes
                    .iter()
                    .zip(said)
                    .filter_map(|(change, said)| match said {
                        Said::Done(etag) => pair(change.key, change.put, etag.as_ref()),
                        Said::Stale | Said::Missing | Said::Cleared => None,
                    });
                done.collect()
            }
            (Call::Read(_, keys), Some(Answer::Saw(shown))) => {
                let shown = keys.iter().zip(shown);
                let shown = shown.filter_map(|(&key, shown)| {
                    let Shown { value, etag } = shown.as_ref()?;
                    pair(key, *value, etag.as_ref())
                });
                shown.collect()
            }
            (Call::Read(..) | Call::Write(..), _) => Vec::new(),
        }
    }

    /// What it is to one property.
    fn of(&self, key: Key) -> Option<Self> {
        let (call, place) = match &self.call {
            Call::Read(how, keys) => {
                let place = keys.iter().position(|&other| other == key)?;
                (Call::Read(how, vec![key]), place)
            }
            Call::Write(how, changes) => {
                let place = changes.iter().position(|change| change.key == key)?;
                (Call::Write(how, vec![changes[place].clone()]), place)
            }
        };
        let answer = self.answer.as_ref().map(|answer| match answer {
            Answer::Saw(shown) => Answer::Saw(vec![shown[place].clone()]),
            Answer::Did(said) => Answer::Did(vec![said[place].clone()]),
        });
        Some(Operation {
            call,
            answer,
            ..*self
        })
    }

    fn keys(&self) -> Vec<Key> {
        match &self.call {
            Call::Read(_, keys) => keys.clone(),
            Call::Write(_, changes) => changes.iter().map(|change| change.key).collect(),
        }
    }
}

/// How many of the operations before are told.
const BEFORE: usize = 6;

/// Tells what was going on when no order fitted any more.
fn tell(history: &[Asked], stuck: &Stuck<State>, key: Option<Key>) -> String {
    let culprit = &history[stuck.operation];
    let part = key.map_or_else(String::new, |key| {
        format!(" (of property {} alone)", name(key))
    });
    let mut text = format!(
        "the history is not linearizable{part}: nothing that fits the clock gives\n  {culprit}\n"
    );
    let keys = culprit.keys();
    let first = stuck.open.iter().map(|&open| history[open].begin).min();
    let is_before = |asked: &&Asked| {
        let concerns = asked.keys().iter().any(|key| keys.contains(key));
        let is_write = matches!(&asked.call, Call::Write(..));
        asked.end.zip(first).is_some_and(|(end, first)| end < first) && is_write && concerns
    };
    let mut before: Vec<_> = history.iter().filter(is_before).collect();
    before.sort_by_key(|asked| asked.end);
    text.push_str("before that, the last writes that were over:\n");
    for asked in &before[before.len().saturating_sub(BEFORE)..] {
        writeln!(text, "  {asked}").unwrap();
    }
    text.push_str("at the same time:\n");
    for &open in stuck.open.iter().filter(|&&open| open != stuck.operation) {
        writeln!(text, "  {}", history[open]).unwrap();
    }
    text.push_str("what could have been just before that answer:\n");
    for (state, done) in stuck.states.iter().take(BEFORE) {
        let cells = keys.iter().map(|&key| match state[key] {
            Some(head) => format!("{}=w{} r{}", name(key), head.value, head.revision),
            None => format!("no {}", name(key)),
        });
        let done: Vec<_> = done
            .iter()
            .map(|&done| format!("[{}]", history[done].client))
            .collect();
        let cells: Vec<_> = cells.collect();
        writeln!(text, "  {} after {}", cells.join(", "), done.join(" ")).unwrap();
    }
    text
}

fn name(key: Key) -> char {
    char::from(b'a' + u8::try_from(key).unwrap())
}

/// Who, from when to when in microseconds, what, and what came of it.
impl Display for Asked {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Operation {
            client, begin, end, ..
        } = self;
        write!(f, "[{client}] {:>9}", begin / 1000)?;
        match end {
            Some(end) => write!(f, " to {:>9} µs: ", end / 1000)?,
            None => write!(f, " to the end      : ")?,
        }
        let (how, parts): (_, Vec<_>) = match &self.call {
            Call::Read(how, keys) => {
                let parts = keys
                    .iter()
                    .enumerate()
                    .map(|(place, &key)| match &self.answer {
                        Some(Answer::Saw(shown)) => {
                            format!("{} is {}", name(key), show(shown[place].as_ref()))
                        }
                        Some(Answer::Did(_)) | None => name(key).to_string(),
                    });
                (how, parts.collect())
            }
            Call::Write(how, changes) => {
                let parts = changes
                    .iter()
                    .enumerate()
                    .map(|(place, change)| match &self.answer {
                        Some(Answer::Did(said)) => format!("{change} -> {}", said[place]),
                        Some(Answer::Saw(_)) | None => change.to_string(),
                    });
                (how, parts.collect())
            }
        };
        write!(f, "{how} {}", parts.join(", "))?;
        match self.answer {
            Some(_) => Ok(()),
            None => write!(f, " (never answered)"),
        }
    }
}

fn show(shown: Option<&Shown>) -> String {
    let Some(Shown { value, etag }) = shown else {
        return "not there".to_owned();
    };
    let value = value.map_or_else(|| "?".to_owned(), |value| format!("w{value}"));
    format!("{value} {}", etag.as_deref().unwrap_or_default())
}

impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.put {
            Some(value) => write!(f, "{}:=w{value}", name(self.key))?,
            None => write!(f, "delete {}", name(self.key))?,
        }
        match &self.when {
            When::Always => Ok(()),
            When::Absent => write!(f, " if absent"),
            When::Is(etag) => write!(f, " if {etag}"),
        }
    }
}

impl Display for Said {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Said::Done(etag) => write!(f, "done {}", etag.as_deref().unwrap_or_default()),
            Said::Stale => write!(f, "stale"),
            Said::Missing => write!(f, "missing"),
            Said::Cleared => write!(f, "cleared"),
        }
    }
}
