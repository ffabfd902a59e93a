//! Batches that were answered lately, by their producer's key, so that a repeated batch is answered and not stored.

use std::collections::VecDeque;

use hashbrown::HashMap;
use model::{Accepted, TenantId};
use parking_lot::{Condvar, Mutex};

use crate::limits::{BATCH_MEMORY_MS, BATCHES_REMEMBERED_MAX};

type Key = (TenantId, u128);

/// The memory of answers.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    memory: Mutex<Memory>,
    settled: Condvar,
}

#[derive(Debug, Default)]
struct Memory {
    /// `None`: the first batch with this key is still under way.
    answers: HashMap<Key, Option<Accepted>>,
    by_age: VecDeque<(i64, Key)>,
}

/// What is known of a key.
pub(crate) enum Known<'a> {
    /// It was answered so.
    Answered(Accepted),
    /// It is new; the holder settles it.
    New(Pending<'a>),
}

/// A key whose batch is under way. Dropped without an answer it is forgotten: the batch may come again.
#[derive(Debug)]
pub(crate) struct Pending<'a> {
    keys: &'a Keys,
    key: Key,
    settled: bool,
}

impl Keys {
    /// Looks a key up, waiting where its first batch is under way.
    pub(crate) fn begin(&self, tenant: TenantId, key: u128, now_ms: i64) -> Known<'_> {
        let key = (tenant, key);
        let mut memory = self.memory.lock();
        memory.forget_before(now_ms.saturating_sub(BATCH_MEMORY_MS));
        loop {
            match memory.answers.get(&key) {
                Some(Some(answer)) => return Known::Answered(answer.clone()),
                Some(None) => self.settled.wait(&mut memory),
                None => break,
            }
        }
        memory.answers.insert(key, None);
        Known::New(Pending {
            keys: self,
            key,
            settled: false,
        })
    }

    /// Notes an answer that the log remembers.
    pub(crate) fn restore(&self, tenant: TenantId, key: u128, at_ms: i64, answer: Accepted) {
        self.memory.lock().answer((tenant, key), at_ms, answer);
    }
}

impl Pending<'_> {
    /// Notes the answer.
    pub(crate) fn settle(mut self, at_ms: i64, answer: Accepted) {
        self.keys.memory.lock().answer(self.key, at_ms, answer);
        self.settled = true;
        self.keys.settled.notify_all();
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.keys.memory.lock().answers.remove(&self.key);
            self.keys.settled.notify_all();
        }
    }
}

impl Memory {
    fn answer(&mut self, key: Key, at_ms: i64, answer: Accepted) {
        self.answers.insert(key, Some(answer));
        self.by_age.push_back((at_ms, key));
        while self.by_age.len() > BATCHES_REMEMBERED_MAX {
            self.forget_oldest();
        }
    }

    fn forget_before(&mut self, before_ms: i64) {
        while self.by_age.front().is_some_and(|(at_ms, _)| *at_ms < before_ms) {
            self.forget_oldest();
        }
        if self.by_age.is_empty() && self.by_age.capacity() > 1024 {
            *self = Self {
                answers: self.answers.drain().collect(),
                by_age: VecDeque::new(),
            };
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.by_age.pop_front() {
            self.answers.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(stored: u64) -> Accepted {
        Accepted {
            stored,
            refused: Vec::new(),
            ..Accepted::default()
        }
    }

    fn known(keys: &Keys, key: u128, now_ms: i64) -> Option<Accepted> {
        match keys.begin(TenantId::DEFAULT, key, now_ms) {
            Known::Answered(answer) => Some(answer),
            Known::New(_) => None,
        }
    }

    #[test]
    fn answers_are_remembered_for_their_time() {
        let keys = Keys::default();
        let Known::New(pending) = keys.begin(TenantId::DEFAULT, 7, 0) else {
            panic!("the key is new")
        };
        pending.settle(0, answer(3));
        assert_eq!(known(&keys, 7, BATCH_MEMORY_MS), Some(answer(3)));
        assert_eq!(known(&keys, 7, BATCH_MEMORY_MS + 1), None);
        assert!(keys.memory.lock().answers.is_empty());
    }

    #[test]
    fn a_second_batch_waits_for_the_first() {
        let keys = Keys::default();
        let Known::New(pending) = keys.begin(TenantId::DEFAULT, 7, 0) else {
            panic!("the key is new")
        };
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| known(&keys, 7, 0));
            pending.settle(0, answer(1));
            assert_eq!(waiting.join().unwrap(), Some(answer(1)));
        });
    }
}
