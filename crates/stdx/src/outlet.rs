//! Bounded outlets: news that leaves a room sideways, without ever holding up the room that has it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::broadcast;

/// Where a room offers its news. Offering never blocks; a reader that falls behind loses the oldest news, and
/// the loss is counted and shown to that reader as [`News::Gap`].
#[derive(Debug, Clone)]
pub struct Outlet<T> {
    sender: broadcast::Sender<T>,
    offered: Arc<AtomicU64>,
}

impl<T: Clone> Outlet<T> {
    /// An outlet that holds at most `capacity` pieces of news for its slowest reader.
    pub fn new(capacity: usize) -> Self {
        let (sender, _) = broadcast::channel(capacity.max(1));
        Self {
            sender,
            offered: Arc::default(),
        }
    }

    /// Offers one piece of news to every reader there is now.
    pub fn offer(&self, news: T) {
        self.offered.fetch_add(1, Ordering::Relaxed);
        // An error only says that nobody reads at the moment.
        let _ = self.sender.send(news);
    }

    /// How many pieces of news were offered so far.
    pub fn offered(&self) -> u64 {
        self.offered.load(Ordering::Relaxed)
    }

    /// Whether anybody reads at the moment.
    pub fn has_readers(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// A reader of everything offered from now on.
    pub fn inlet(&self) -> Inlet<T> {
        Inlet {
            receiver: self.sender.subscribe(),
            dropped: 0,
        }
    }
}

/// What a reader receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News<T> {
    /// The next piece of news.
    Item(T),
    /// So many pieces were dropped because this reader was too slow; read the store to fill the gap.
    Gap(u64),
}

/// The reading end of an [`Outlet`].
#[derive(Debug)]
pub struct Inlet<T> {
    receiver: broadcast::Receiver<T>,
    dropped: u64,
}

impl<T: Clone> Inlet<T> {
    /// Waits for the next news; `None` once the outlet is gone. Safe to cancel.
    pub async fn next(&mut self) -> Option<News<T>> {
        match self.receiver.recv().await {
            Ok(item) => Some(News::Item(item)),
            Err(broadcast::error::RecvError::Lagged(count)) => {
                self.dropped += count;
                Some(News::Gap(count))
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// How many pieces this reader has lost so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_reader_sees_its_gap_and_then_the_newest_news() {
        let outlet = Outlet::new(4);
        let mut inlet = outlet.inlet();
        for number in 0..10 {
            outlet.offer(number);
        }
        assert_eq!(inlet.next().await, Some(News::Gap(6)));
        assert_eq!(inlet.next().await, Some(News::Item(6)));
        assert_eq!((inlet.dropped(), outlet.offered()), (6, 10));
    }

    #[tokio::test]
    async fn a_reader_ends_with_its_outlet() {
        let outlet = Outlet::new(4);
        let mut inlet = outlet.inlet();
        outlet.offer("last");
        drop(outlet);
        assert_eq!(inlet.next().await, Some(News::Item("last")));
        assert_eq!(inlet.next().await, None);
    }
}
