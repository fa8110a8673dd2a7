//! The checker itself: histories that are known to be good or bad, and a slow search that has to agree with it.

use super::dice::Dice;
use super::linear::{self, Model, Operation, Stuck};
use super::register::{Answer, Asked, Call, Change, Said, Shown, When, check};

/// The etag of a revision of a property.
fn tag(property: u64, revision: u32) -> String {
    format!("{property}.r{revision}_ts2026-01-01T00:00:00Z")
}

/// From when to when, what and its answer.
fn asked(begin: u64, end: u64, call: Call, answer: Answer) -> Asked {
    Operation {
        client: usize::try_from(begin).unwrap(),
        call,
        answer: Some(answer),
        begin,
        end: Some(end),
    }
}

/// The same without an answer, and with no end unless it is given.
fn lost(begin: u64, end: Option<u64>, call: Call) -> Asked {
    Operation {
        client: usize::try_from(begin).unwrap(),
        call,
        answer: None,
        begin,
        end,
    }
}

fn change(key: usize, when: When, put: Option<u32>) -> Change {
    Change { key, when, put }
}

fn write(changes: &[Change]) -> Call {
    Call::Write("write", changes.to_vec())
}

fn is(property: u64, revision: u32) -> When {
    When::Is(tag(property, revision))
}

fn done(property: u64, revision: u32) -> Answer {
    Answer::Did(vec![Said::Done(Some(tag(property, revision)))])
}

fn no(said: Said) -> Answer {
    Answer::Did(vec![said])
}

/// A property that is made: with value 1 it has the etag `1.r1`, and so on.
fn create(begin: u64, end: u64, value: u32) -> Asked {
    let call = write(&[change(0, When::Absent, Some(value))]);
    asked(begin, end, call, done(value.into(), 1))
}

fn update(begin: u64, end: u64, when: When, value: u32, answer: Answer) -> Asked {
    asked(begin, end, write(&[change(0, when, Some(value))]), answer)
}

fn delete(begin: u64, end: u64, answer: Said) -> Asked {
    asked(
        begin,
        end,
        write(&[change(0, When::Always, None)]),
        no(answer),
    )
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "that it is not there is the other thing to see"
)]
fn seen(value: u32, property: u64, revision: u32) -> Option<Shown> {
    Some(Shown {
        value: Some(value),
        etag: Some(tag(property, revision)),
    })
}

fn read(begin: u64, end: u64, shown: Option<Shown>) -> Asked {
    asked(
        begin,
        end,
        Call::Read("read", vec![0]),
        Answer::Saw(vec![shown]),
    )
}

fn list(begin: u64, end: u64, shown: &[Option<Shown>; 2]) -> Asked {
    let call = Call::Read("list", vec![0, 1]);
    asked(begin, end, call, Answer::Saw(shown.to_vec()))
}

/// A batch that makes both properties.
fn both(begin: u64, end: u64) -> Asked {
    let changes = [
        change(0, When::Absent, Some(1)),
        change(1, When::Absent, Some(2)),
    ];
    let said = [tag(1, 1), tag(2, 1)].map(|etag| Said::Done(Some(etag)));
    asked(begin, end, write(&changes), Answer::Did(said.to_vec()))
}

/// An update of the first revision of property 1 that nobody answered.
fn lost_update(begin: u64, end: Option<u64>) -> Asked {
    lost(begin, end, write(&[change(0, is(1, 1), Some(2))]))
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn good_histories_are_good() {
    let cases: [(&str, Vec<Asked>); 17] = [
        ("nothing", vec![]),
        (
            "one life after the other",
            vec![
                read(0, 1, None),
                create(2, 3, 1),
                read(4, 5, seen(1, 1, 1)),
                update(6, 7, is(1, 1), 2, done(1, 2)),
                update(8, 9, is(1, 1), 3, no(Said::Stale)),
                delete(10, 11, Said::Done(None)),
                read(12, 13, None),
                delete(14, 15, Said::Missing),
                create(16, 17, 4),
                read(18, 19, seen(4, 4, 1)),
            ],
        ),
        (
            "a delete tells the next revision",
            vec![
                create(0, 1, 1),
                asked(2, 3, write(&[change(0, is(1, 1), None)]), done(1, 2)),
            ],
        ),
        (
            "a read beside a write sees what was",
            vec![create(0, 9, 1), read(1, 2, None)],
        ),
        (
            "a read beside a write sees what is new",
            vec![create(0, 9, 1), read(1, 2, seen(1, 1, 1))],
        ),
        (
            "two reads beside a write, the old one first",
            vec![create(0, 9, 1), read(1, 2, None), read(3, 4, seen(1, 1, 1))],
        ),
        (
            "of rivals with one etag one wins",
            vec![
                create(0, 1, 1),
                update(2, 9, is(1, 1), 2, no(Said::Stale)),
                update(3, 8, is(1, 1), 3, done(1, 2)),
            ],
        ),
        (
            "the order of answers need not be that of the effects",
            vec![
                create(0, 1, 1),
                update(2, 20, is(1, 1), 2, done(1, 2)),
                update(3, 4, is(1, 2), 3, done(1, 3)),
                read(5, 6, seen(3, 1, 3)),
            ],
        ),
        (
            "a write without an answer is never seen",
            vec![
                create(0, 1, 1),
                lost_update(2, None),
                read(3, 4, seen(1, 1, 1)),
            ],
        ),
        (
            "a write without an answer is seen late",
            vec![
                create(0, 1, 1),
                lost_update(2, None),
                read(3, 4, seen(1, 1, 1)),
                read(5, 6, seen(2, 1, 2)),
            ],
        ),
        (
            "a write without an answer is built upon",
            vec![
                create(0, 1, 1),
                lost_update(2, Some(4)),
                read(5, 6, seen(2, 1, 2)),
                update(7, 8, is(1, 2), 3, done(1, 3)),
            ],
        ),
        (
            "a write without an answer happened, but nobody has seen it",
            vec![
                create(0, 1, 1),
                lost_update(2, Some(4)),
                update(5, 6, When::Always, 3, done(1, 3)),
            ],
        ),
        (
            "a list beside a batch sees none of it or all",
            vec![
                both(0, 9),
                list(1, 2, &[None, None]),
                list(3, 4, &[seen(1, 1, 1), seen(2, 2, 1)]),
            ],
        ),
        (
            "a batch is refused in part",
            vec![
                create(0, 1, 1),
                asked(
                    2,
                    3,
                    write(&[
                        change(0, When::Absent, Some(2)),
                        change(1, When::Absent, Some(3)),
                    ]),
                    Answer::Did(vec![Said::Stale, Said::Done(Some(tag(3, 1)))]),
                ),
                list(4, 5, &[seen(1, 1, 1), seen(3, 3, 1)]),
            ],
        ),
        (
            "a setting goes back to its default, if it was set or not",
            vec![
                delete(0, 1, Said::Cleared),
                create(2, 3, 1),
                delete(4, 5, Said::Cleared),
                read(6, 7, None),
            ],
        ),
        (
            "a setting goes back to its default after it was set beside that",
            vec![
                asked(
                    0,
                    9,
                    write(&[change(0, When::Always, None)]),
                    no(Said::Cleared),
                ),
                create(1, 2, 1),
                create(10, 11, 2),
            ],
        ),
        (
            "an etag is enough to be seen",
            vec![
                create(0, 1, 1),
                read(
                    2,
                    3,
                    Some(Shown {
                        value: None,
                        etag: Some(tag(1, 1)),
                    }),
                ),
            ],
        ),
    ];
    for (name, history) in cases {
        if let Err(error) = check(2, &history) {
            panic!("{name}: {error}");
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn bad_histories_are_bad() {
    let late = |shown| {
        vec![
            create(0, 1, 1),
            update(2, 3, is(1, 1), 2, done(1, 2)),
            read(4, 5, shown),
        ]
    };
    let cases: [(&str, Vec<Asked>); 27] = [
        ("a stale read", late(seen(1, 1, 1))),
        ("a read of nothing where there is something", late(None)),
        ("a read of what was never written", late(seen(9, 1, 2))),
        (
            "a read of a value with the etag of another",
            late(seen(2, 1, 1)),
        ),
        (
            "a read before the write",
            vec![read(0, 1, seen(1, 1, 1)), create(2, 3, 1)],
        ),
        (
            "a read of what was deleted",
            vec![
                create(0, 1, 1),
                delete(2, 3, Said::Done(None)),
                read(4, 5, seen(1, 1, 1)),
            ],
        ),
        (
            "a lost update: two winners with one etag",
            vec![
                create(0, 1, 1),
                update(2, 9, is(1, 1), 2, done(1, 2)),
                update(3, 8, is(1, 1), 3, done(1, 3)),
            ],
        ),
        (
            "two winners who get the same etag",
            vec![
                create(0, 1, 1),
                update(2, 9, is(1, 1), 2, done(1, 2)),
                update(3, 8, is(1, 1), 3, done(1, 2)),
            ],
        ),
        ("two creators", vec![create(0, 9, 1), create(1, 8, 2)]),
        (
            "nobody wins",
            vec![
                create(0, 1, 1),
                update(2, 9, is(1, 1), 2, no(Said::Stale)),
                update(3, 8, is(1, 1), 3, no(Said::Stale)),
            ],
        ),
        (
            "an acknowledged write is undone",
            vec![
                create(0, 1, 1),
                update(2, 3, is(1, 1), 2, done(1, 2)),
                update(4, 5, is(1, 1), 3, done(1, 2)),
            ],
        ),
        (
            "an etag comes back after a delete",
            vec![
                create(0, 1, 1),
                delete(2, 3, Said::Done(None)),
                update(4, 5, When::Absent, 2, done(1, 1)),
            ],
        ),
        (
            "the number of a property comes back",
            vec![
                create(0, 1, 1),
                delete(2, 3, Said::Done(None)),
                asked(
                    4,
                    5,
                    write(&[change(0, When::Absent, Some(2))]),
                    Answer::Did(vec![Said::Done(Some(
                        "1.r1_ts2026-02-02T00:00:00Z".to_owned(),
                    ))]),
                ),
            ],
        ),
        (
            "a revision is left out",
            vec![create(0, 1, 1), update(2, 3, is(1, 1), 2, done(1, 3))],
        ),
        (
            "an update makes another property",
            vec![create(0, 1, 1), update(2, 3, is(1, 1), 2, done(2, 2))],
        ),
        (
            "a delete tells a revision that was",
            vec![
                create(0, 1, 1),
                asked(2, 3, write(&[change(0, is(1, 1), None)]), done(1, 1)),
            ],
        ),
        (
            "nothing was there to delete, but something was",
            vec![create(0, 1, 1), delete(2, 3, Said::Missing)],
        ),
        (
            "deleted twice",
            vec![
                create(0, 1, 1),
                delete(2, 9, Said::Done(None)),
                delete(3, 8, Said::Done(None)),
            ],
        ),
        (
            "two reads beside a write, the new one first",
            vec![create(0, 9, 1), read(1, 2, seen(1, 1, 1)), read(3, 4, None)],
        ),
        (
            "a write without an answer is seen, then not",
            vec![
                create(0, 1, 1),
                lost_update(2, None),
                read(3, 4, seen(2, 1, 2)),
                read(5, 6, seen(1, 1, 1)),
            ],
        ),
        (
            "a write without an answer is seen before it was asked",
            vec![
                create(0, 1, 1),
                read(2, 3, seen(2, 1, 2)),
                lost_update(4, None),
            ],
        ),
        (
            "a write without an answer comes after the crash",
            vec![
                create(0, 1, 1),
                lost_update(2, Some(3)),
                read(4, 5, seen(1, 1, 1)),
                read(6, 7, seen(2, 1, 2)),
            ],
        ),
        (
            "a delete without an answer happens twice",
            vec![
                create(0, 1, 1),
                lost(2, None, write(&[change(0, When::Always, None)])),
                read(3, 4, None),
                create(5, 6, 2),
                read(7, 8, None),
            ],
        ),
        (
            "a list sees half a batch",
            vec![both(0, 9), list(1, 2, &[seen(1, 1, 1), None])],
        ),
        (
            "two lists disagree about which came first",
            vec![
                create(0, 9, 1),
                asked(0, 9, write(&[change(1, When::Absent, Some(2))]), done(2, 1)),
                list(1, 8, &[seen(1, 1, 1), None]),
                list(1, 8, &[None, seen(2, 2, 1)]),
            ],
        ),
        (
            "half of a batch without an answer is there",
            vec![
                lost(
                    0,
                    None,
                    write(&[
                        change(0, When::Absent, Some(1)),
                        change(1, When::Absent, Some(2)),
                    ]),
                ),
                list(1, 2, &[seen(1, 1, 1), None]),
            ],
        ),
        (
            "a value has two etags",
            vec![
                update(0, 1, When::Absent, 1, done(1, 1)),
                read(2, 3, seen(1, 2, 1)),
            ],
        ),
    ];
    for (name, history) in cases {
        assert!(check(2, &history).is_err(), "{name} is not found");
    }
}

#[test]
fn what_is_wrong_is_told_by_the_smallest_part_that_shows_it() {
    let mut history = vec![both(0, 1), read(30, 31, seen(1, 1, 1))];
    let other = asked(
        12,
        40,
        write(&[change(0, is(1, 2), Some(3))]),
        no(Said::Stale),
    );
    history.extend([
        update(10, 20, is(1, 1), 4, done(1, 2)),
        other,
        read(50, 51, None),
    ]);
    let told = check(2, &history).unwrap_err();
    assert!(told.contains("of property a alone"), "{told}");
    assert!(told.contains("gives\n  [30]"), "{told}");
    assert!(told.contains("at the same time:\n  [12]"), "{told}");
    assert!(told.contains("a=w4 r2"), "{told}");
    assert!(
        !told.contains("[50]"),
        "what comes later is not told: {told}"
    );
}

/// Tries all orders, without any cleverness.
fn tries<M: Model>(
    model: &M,
    state: &M::State,
    history: &[Operation<M::Call, M::Answer>],
    order: &mut Vec<usize>,
) -> bool {
    let waits = |order: &[usize], number: &usize| !order.contains(number);
    let all = 0..history.len();
    let waiting: Vec<usize> = all.filter(|number| waits(order, number)).collect();
    if waiting
        .iter()
        .all(|&number| history[number].answer.is_none())
    {
        return true;
    }
    let is_over = |a: usize, b: usize| history[a].end.is_some_and(|end| end < history[b].begin);
    for &number in &waiting {
        let too_early = waiting
            .iter()
            .any(|&other| history[other].answer.is_some() && is_over(other, number));
        let too_late = order.iter().any(|&other| is_over(number, other));
        if too_early || too_late {
            continue;
        }
        let Operation { call, answer, .. } = &history[number];
        if let Some(after) = model.step(state, call, answer.as_ref()) {
            order.push(number);
            let found = tries(model, &after, history, order);
            order.pop();
            if found {
                return true;
            }
        }
    }
    false
}

/// One cell of bits: to read it, to set bits of it, and to swap it, answered with what was there before; and to set it
/// blindly, which may change nothing in one state and something in another.
struct Cell;

#[derive(Clone, Debug)]
enum Bits {
    Read,
    Or(u8),
    Swap(u8, u8),
    Set(u8),
}

impl Model for Cell {
    type State = u8;
    type Call = Bits;
    type Answer = u8;

    fn step(&self, state: &u8, call: &Bits, answer: Option<&u8>) -> Option<u8> {
        let is_blind = matches!(call, Bits::Set(_));
        if !is_blind && answer.is_some_and(|answer| answer != state) {
            return None;
        }
        Some(match *call {
            Bits::Set(bits) => bits,
            Bits::Or(bits) => state | bits,
            Bits::Swap(from, to) if from == *state => to,
            Bits::Read | Bits::Swap(..) => *state,
        })
    }

    fn only_looks(&self, call: &Bits, _: &u8) -> bool {
        matches!(call, Bits::Read)
    }
}

#[test]
fn a_search_without_cleverness_agrees() {
    let mut dice = Dice::new(1, 0);
    let (mut good, mut bad) = (0, 0);
    for round in 0..6000 {
        let history: Vec<Operation<Bits, u8>> = (0..2 + dice.below(6))
            .map(|client| {
                let mut bits = || u8::try_from(dice.below(3)).unwrap();
                let (some, other, answer) = (bits(), bits(), bits());
                let begin = dice.below(20) as u64;
                let end = begin + dice.below(12) as u64;
                let is_lost = dice.one_in(4);
                let is_open = is_lost && dice.one_in(2);
                Operation {
                    client,
                    call: match dice.below(4) {
                        0 => Bits::Read,
                        1 => Bits::Or(some),
                        2 => Bits::Set(some),
                        _ => Bits::Swap(some, other),
                    },
                    answer: (!is_lost).then_some(answer),
                    begin,
                    end: (!is_open).then_some(end),
                }
            })
            .collect();
        let expected = tries(&Cell, &0, &history, &mut Vec::new());
        let found = linear::check(&Cell, 0, &history);
        assert_eq!(
            found.is_ok(),
            expected,
            "round {round}: {found:?}\n{history:#?}"
        );
        *(if expected { &mut good } else { &mut bad }) += 1;
    }
    assert!(good > 500 && bad > 500, "{good} and {bad}");
}

#[test]
fn the_first_answer_that_is_too_much_is_told() {
    let at = |begin, end, call, answer| Operation {
        client: 0,
        call,
        answer,
        begin,
        end,
    };
    let history = [
        at(0, Some(5), Bits::Or(1), Some(0)),
        at(1, Some(9), Bits::Or(2), Some(0)),
        at(10, Some(11), Bits::Read, Some(3)),
    ];
    let stuck = linear::check(&Cell, 0, &history).unwrap_err();
    assert_eq!(
        stuck,
        Stuck {
            operation: 1,
            open: vec![1],
            states: vec![(1, vec![])]
        }
    );
}
