//! "Whatever the order, delay or repetition of arrival, the same facts give the same state" (rule 4), held over every
//! multiset of up to five of these facts and every order in which it can arrive.

use std::collections::BTreeSet;
use std::thread;

use cuadre::calendar::Instant;
use cuadre::config::Policy;
use cuadre::lifecycle::cip::CodeState;
use cuadre::lifecycle::label::Label;
use cuadre::lifecycle::shipping::{Hold, holds};
use cuadre::lifecycle::story::{Story, fold};

use crate::arrival::next_order;

use super::language::{ACCOUNT, Fact, cip, evidence, read_facts, read_time};

/// Facts that get into each other's way: of one number and of none, of two amounts, from four sources, and in part at
/// one time.
const ALPHABET: &str = "\
    order 10.00 pending expires 12:00; \
    order 12.00 paid updated 10:30 expires 3d 12:00; \
    notice paid #1 10.00 at 09:00; \
    notice paid 10.00; \
    notice paid #2 12.00 at 12:20; \
    look paid 10.00 at 09:00 seen 10:00; \
    report paid #1 12.00 at 09:00; \
    report paid 10.00 at 11:00; \
    portal paid #77 10.00 at 09:00; \
    look pending seen 09:30 expires 12:00; \
    look removed seen 09:30 expires 12:00; \
    look expired seen 12:30 expires 12:00; \
    look pending seen 12:40 expires 3d 12:00; \
    report reversed #1 at 09:20; \
    notice refunded #8 4.00; \
    notice refunded #9 10.00; \
    report refunded at 11:10 back 4.00; \
    notice cip.misterio";

const AS_OF: &str = "13:00";

const SIZE_MAX: usize = 5;

const THREADS: usize = 2;

/// What is told of a multiset: nothing of it may depend on the order.
type Told = (Story, Vec<Hold>, Label);

struct World {
    facts: Vec<Fact>,
    as_of: Instant,
    policy: Policy,
}

impl World {
    fn told(&self, order: &[usize]) -> Told {
        let evidence = evidence(order.iter().map(|letter| &self.facts[*letter]));
        let story = fold(cip(), &evidence, &self.policy.meanings, self.as_of);
        let holds = holds(&story, |order| self.policy.tolerance_minor(ACCOUNT, order));
        let label = Label::of(&story, &holds);
        (story, holds, label)
    }

    /// Tries every order of one multiset and gives how many there are.
    fn try_orders(&self, multiset: &[usize]) -> usize {
        let expected = self.told(multiset);
        let mut order = multiset.to_vec();
        let mut orders = 1;
        while next_order(&mut order) {
            orders += 1;
            let told = self.told(&order);
            if told != expected {
                let words: Vec<&str> = ALPHABET.split("; ").collect();
                let arrived: Vec<&str> = order.iter().map(|letter| words[*letter]).collect();
                panic!("{arrived:#?}\ntold     {told:#?}\nexpected {expected:#?}");
            }
        }
        orders
    }
}

/// Every ascending list of up to so many letters, repetitions included.
fn multisets(letters: usize, size_max: usize) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = Vec::new();
    let mut longest: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..size_max {
        let grown = longest.iter().flat_map(|shorter| {
            let least = shorter.last().copied().unwrap_or(0);
            (least..letters).map(move |letter| [shorter.as_slice(), &[letter]].concat())
        });
        longest = grown.collect();
        all.extend_from_slice(&longest);
    }
    all
}

/// 18 facts make 33,648 multisets of one to five, and 2,000,718 orders; that takes 42 s of processor time in a debug build, shared
/// by two threads.
#[test]
fn no_order_of_arrival_changes_the_story() {
    let facts = read_facts(ALPHABET).unwrap();
    let letters = facts.len();
    let multisets = multisets(letters, SIZE_MAX);
    let world = World { facts, as_of: read_time(AS_OF).unwrap(), policy: super::policy() };
    let tried: usize = thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|worker| {
                let (world, share) = (&world, multisets.iter().skip(worker).step_by(THREADS));
                scope.spawn(move || share.map(|multiset| world.try_orders(multiset)).sum::<usize>())
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    // Every sequence of letters is an order of exactly one multiset.
    let sequences: usize = (1..=u32::try_from(SIZE_MAX).unwrap()).map(|size| letters.pow(size)).sum();
    assert_eq!((letters, multisets.len(), tried), (18, 33_648, sequences));
}

/// The alphabet is wide enough: with three facts of it every state and every label is reached but that of a code of which
/// nothing is known.
#[test]
fn the_multisets_reach_every_state() {
    let facts = read_facts(ALPHABET).unwrap();
    let multisets = multisets(facts.len(), 3);
    let world = World { facts, as_of: read_time(AS_OF).unwrap(), policy: super::policy() };
    let (mut states, mut labels) = (BTreeSet::new(), BTreeSet::new());
    for multiset in multisets {
        let (story, _, label) = world.told(&multiset);
        states.extend(story.state);
        labels.insert(label);
    }
    let all = [CodeState::Pending, CodeState::Paid, CodeState::Expired, CodeState::Removed];
    assert_eq!(states, BTreeSet::from(all));
    assert_eq!(labels, Label::ALL.into_iter().filter(|label| *label != Label::NotKnown).collect());
}
