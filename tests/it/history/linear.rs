//! Is a history linearizable? A complete search, so its no is a proof and its yes is one, too.
//!
//! A history is linearizable if each operation can be thought to take effect at one moment between its call and its answer,
//! so that all answers are right (Herlihy and Wing). The search is that of Wing and Gong in the form of Lowe ("Testing for
//! linearizability", 2016): it walks through the calls and answers in the order of the clock, and keeps every pair of a
//! state and a set of operations that have taken effect already which fits all answers so far. An operation takes effect as
//! late as possible: not before some answer needs it. Equal pairs are kept once, which keeps the search short.
//!
//! Of an operation that was never answered nobody knows whether it has taken effect, so it may or may not have, at any
//! moment from its call on; until [`Operation::end`], if something is known after which it cannot have any more.
//!
//! It stops at the first answer that fits no order: what came later is not needed to see that the history is wrong.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;

/// How many operations may be going on at a time.
const OPEN_MAX: usize = 128;

/// After so many pairs for one answer the search gives up; a history of a test needs a few dozen.
const PAIRS_MAX: usize = 500_000;

/// What the operations are about.
pub(crate) trait Model {
    /// What is remembered between operations.
    type State: Clone + Debug + Eq + Hash;
    /// What is asked.
    type Call: Debug;
    /// What is answered.
    type Answer: Debug;

    /// The state after the call took effect in this one, if the answer is right then. Without an answer every call can
    /// take effect.
    fn step(
        &self,
        state: &Self::State,
        call: &Self::Call,
        answer: Option<&Self::Answer>,
    ) -> Option<Self::State>;

    /// Whether the call, if this is its answer, changes nothing in whatever state: then the search need not try when.
    fn only_looks(&self, call: &Self::Call, answer: &Self::Answer) -> bool;
}

/// One operation, with the time on the clock of whoever asked.
#[derive(Clone, Debug)]
pub(crate) struct Operation<C, A> {
    /// Who asked.
    pub(crate) client: usize,
    /// What was asked.
    pub(crate) call: C,
    /// What was answered, if anything was.
    pub(crate) answer: Option<A>,
    /// Before it was asked.
    pub(crate) begin: u64,
    /// After it was answered; or when it was known that it never will be and nothing comes of it any more. `None`: never.
    pub(crate) end: Option<u64>,
}

/// What the search was like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effort {
    /// Most pairs that were left after an answer.
    pub(crate) pairs_max: usize,
    /// Most operations that were going on at a time.
    pub(crate) open_max: usize,
}

/// Why a history is not linearizable: no order fits all answers up to that of one operation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stuck<S> {
    /// The operation whose answer is too much, by its place in the history.
    pub(crate) operation: usize,
    /// Those that were going on when it was answered.
    pub(crate) open: Vec<usize>,
    /// Each state that was possible before that answer, with the operations still going on that have taken effect in it.
    pub(crate) states: Vec<(S, Vec<usize>)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    // At the same moment a call comes before an answer: then the two operations overlap, and less is demanded.
    Call,
    End,
}

/// A state, and the slots of the operations going on that have taken effect.
type Pair<S> = (S, u128);

/// The operations that are going on, each in a slot that is free again when it is over.
struct Open<'a, M: Model> {
    model: &'a M,
    history: &'a [Operation<M::Call, M::Answer>],
    slots: Vec<Option<usize>>,
}

/// Whether there is an order of the operations that fits their answers and the clock.
pub(crate) fn check<M: Model>(
    model: &M,
    start: M::State,
    history: &[Operation<M::Call, M::Answer>],
) -> Result<Effort, Stuck<M::State>> {
    let mut edges = Vec::with_capacity(2 * history.len());
    for (number, operation) in history.iter().enumerate() {
        edges.push((operation.begin, Edge::Call, number));
        edges.extend(operation.end.map(|end| (end, Edge::End, number)));
    }
    edges.sort_unstable();
    let mut open = Open {
        model,
        history,
        slots: Vec::new(),
    };
    let mut pairs = HashSet::from([(start, 0)]);
    let mut effort = Effort::default();
    for (_, edge, number) in edges {
        match edge {
            Edge::Call => {
                open.begin(number);
                pairs = pairs.into_iter().map(|pair| open.settle(pair)).collect();
                effort.open_max = effort.open_max.max(open.slots.iter().flatten().count());
            }
            Edge::End if history[number].answer.is_some() => {
                let after = open.answer(&pairs, number);
                if after.is_empty() {
                    return Err(open.stuck(pairs, number));
                }
                pairs = after;
                open.end(&mut pairs, number);
                effort.pairs_max = effort.pairs_max.max(pairs.len());
            }
            Edge::End => {
                // It has taken effect by now, or it never will.
                let after = open.answer(&pairs, number);
                pairs.extend(after);
                open.end(&mut pairs, number);
                effort.pairs_max = effort.pairs_max.max(pairs.len());
            }
        }
    }
    Ok(effort)
}

impl<M: Model> Open<'_, M> {
    fn begin(&mut self, number: usize) {
        match self.slots.iter().position(Option::is_none) {
            Some(free) => self.slots[free] = Some(number),
            None => self.slots.push(Some(number)),
        }
        assert!(self.slots.len() <= OPEN_MAX, "too much goes on at a time");
    }

    fn bit(&self, number: usize) -> u128 {
        let slot = self.slots.iter().position(|&slot| slot == Some(number));
        1 << slot.expect("it has begun")
    }

    fn end(&mut self, pairs: &mut HashSet<Pair<M::State>>, number: usize) {
        let bit = self.bit(number);
        *pairs = pairs
            .drain()
            .map(|(state, done)| (state, done & !bit))
            .collect();
        for slot in &mut self.slots {
            *slot = slot.filter(|&open| open != number);
        }
    }

    /// The operations that go on and have not taken effect, with their bits.
    fn waiting(&self, done: u128) -> impl Iterator<Item = (usize, u128)> {
        let slots = self.slots.iter().enumerate();
        let bits = slots.filter_map(|(slot, number)| Some(((*number)?, 1 << slot)));
        bits.filter(move |(_, bit)| done & bit == 0)
    }

    fn step(&self, state: &M::State, number: usize) -> Option<M::State> {
        let Operation { call, answer, .. } = &self.history[number];
        self.model.step(state, call, answer.as_ref())
    }

    /// Lets all operations take effect that only look, if their answers fit now: that can never be a mistake. It would be
    /// one for an operation that just happens to change nothing in this state.
    fn settle(&self, (state, mut done): Pair<M::State>) -> Pair<M::State> {
        for (number, bit) in self.waiting(done) {
            let Operation { call, answer, .. } = &self.history[number];
            let only_looks = |answer| self.model.only_looks(call, answer);
            if answer.as_ref().is_some_and(only_looks) && self.step(&state, number).is_some() {
                done |= bit;
            }
        }
        (state, done)
    }

    /// All pairs in which this operation has taken effect, as the last one that had to.
    fn answer(&self, pairs: &HashSet<Pair<M::State>>, number: usize) -> HashSet<Pair<M::State>> {
        let bit = self.bit(number);
        let mut seen = pairs.clone();
        let mut todo: Vec<_> = pairs.iter().cloned().collect();
        while let Some((state, done)) = todo.pop() {
            if done & bit != 0 {
                continue;
            }
            for (number, bit) in self.waiting(done) {
                let Some(after) = self.step(&state, number) else {
                    continue;
                };
                // Without an answer it need never take effect, so it need not where it changes nothing.
                let is_idle = self.history[number].answer.is_none() && after == state;
                let pair = self.settle((after, done | bit));
                if !is_idle && seen.insert(pair.clone()) {
                    todo.push(pair);
                }
            }
            assert!(seen.len() <= PAIRS_MAX, "there are too many orders to try");
        }
        seen.retain(|(_, done)| done & bit != 0);
        seen
    }

    fn stuck(&self, pairs: HashSet<Pair<M::State>>, operation: usize) -> Stuck<M::State> {
        let effects = |done: u128| {
            let waiting: HashSet<_> = self.waiting(done).map(|(number, _)| number).collect();
            let mut effects: Vec<_> = self.slots.iter().flatten().copied().collect();
            effects.retain(|number| !waiting.contains(number));
            effects
        };
        let states = pairs
            .into_iter()
            .map(|(state, done)| (state, effects(done)));
        Stuck {
            operation,
            open: self.slots.iter().flatten().copied().collect(),
            states: states.collect(),
        }
    }
}
