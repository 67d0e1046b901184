//! A short queue that is fair between those who wait in it.

use std::collections::VecDeque;

/// Waiting for something that is all taken: in the order of arrival for one client, in turns between clients.
///
/// Each client has a line of its own, and the lines are served in a circle, so that one who waits a thousand times delays
/// one who waits once by a single turn. The queue is bounded. When it is full, whoever comes takes the last place of the
/// longest line, unless their own would then be no shorter: so nobody fills it for the others.
///
/// ```
/// use limits::{FairQueue, Pushed};
///
/// let mut queue = FairQueue::new(3);
/// for _ in 0..3 {
///     queue.push(1, "crowd");
/// }
/// assert!(matches!(queue.push(2, "single"), Pushed::Instead { displaced: "crowd", .. }));
/// assert_eq!([queue.take(), queue.take(), queue.take()].map(Option::unwrap), ["crowd", "single", "crowd"]);
/// ```
#[derive(Debug)]
pub struct FairQueue<T> {
    most: usize,
    length: usize,
    /// Clients who wait, in the order of their turns. No line is empty.
    lines: VecDeque<Line<T>>,
    tickets: u64,
}

#[derive(Debug)]
struct Line<T> {
    client: u64,
    waiting: VecDeque<(Ticket, T)>,
}

/// A place in the queue, under which it is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u64);

/// What became of somebody who came to wait.
#[derive(Debug, PartialEq, Eq)]
pub enum Pushed<T> {
    /// They wait.
    Waiting(Ticket),
    /// They wait, in the place of the last of the longest line.
    Instead {
        /// Their place.
        ticket: Ticket,
        /// Who waits no more.
        displaced: T,
    },
    /// There is no place for them.
    Full(T),
}

impl<T> FairQueue<T> {
    /// A queue in which so many wait at the most.
    pub fn new(most: usize) -> Self {
        Self { most, length: 0, lines: VecDeque::new(), tickets: 0 }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How many are served before a client who comes to wait once more now, if nobody else comes.
    pub fn turns_before(&self, client: u64) -> usize {
        let own = self.line(client).map_or(0, |line| line.waiting.len());
        let before = |line: &Line<T>| if line.client == client { own } else { line.waiting.len().min(own + 1) };
        self.lines.iter().map(before).sum()
    }

    /// Lets a client wait once more. Takes time in proportion to the clients who wait.
    pub fn push(&mut self, client: u64, item: T) -> Pushed<T> {
        let displaced = if self.length < self.most {
            None
        } else {
            match self.displace_for(client) {
                Some(displaced) => Some(displaced),
                None => return Pushed::Full(item),
            }
        };
        let ticket = self.append(client, item);
        match displaced {
            None => Pushed::Waiting(ticket),
            Some(displaced) => Pushed::Instead { ticket, displaced },
        }
    }

    /// Who is served next: the first of the line whose turn it is.
    pub fn take(&mut self) -> Option<T> {
        self.take_of(|_| true)
    }

    /// Who is served next of the clients that may be.
    pub fn take_of(&mut self, may: impl Fn(u64) -> bool) -> Option<T> {
        let at = self.lines.iter().position(|line| may(line.client))?;
        let mut line = self.lines.remove(at)?;
        let (_, item) = line.waiting.pop_front()?;
        self.length -= 1;
        if !line.waiting.is_empty() {
            self.lines.push_back(line);
        }
        Some(item)
    }

    /// Gives a place up; none if it was served or displaced before.
    pub fn leave(&mut self, client: u64, ticket: Ticket) -> Option<T> {
        let at = self.lines.iter().position(|line| line.client == client)?;
        let line = self.lines.get_mut(at)?;
        let place = line.waiting.iter().position(|(known, _)| *known == ticket)?;
        let (_, item) = line.waiting.remove(place)?;
        self.length -= 1;
        if line.waiting.is_empty() {
            self.lines.remove(at);
        }
        Some(item)
    }

    fn line(&self, client: u64) -> Option<&Line<T>> {
        self.lines.iter().find(|line| line.client == client)
    }

    fn append(&mut self, client: u64, item: T) -> Ticket {
        self.tickets = self.tickets.wrapping_add(1);
        let ticket = Ticket(self.tickets);
        self.length += 1;
        if let Some(line) = self.lines.iter_mut().find(|line| line.client == client) {
            line.waiting.push_back((ticket, item));
        } else {
            self.lines.push_back(Line { client, waiting: VecDeque::from([(ticket, item)]) });
        }
        ticket
    }

    /// Takes the last of the longest line out, if it is longer than the client's own would be.
    fn displace_for(&mut self, client: u64) -> Option<T> {
        let own = self.line(client).map_or(0, |line| line.waiting.len());
        let longest = self.lines.iter_mut().max_by_key(|line| line.waiting.len())?;
        // A line of one is never the longest that is longer than one: none becomes empty here.
        if longest.waiting.len() <= own + 1 {
            return None;
        }
        let (_, item) = longest.waiting.pop_back()?;
        self.length -= 1;
        Some(item)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn ticket<T: std::fmt::Debug>(pushed: Pushed<T>) -> Ticket {
        match pushed {
            Pushed::Waiting(ticket) | Pushed::Instead { ticket, .. } => ticket,
            Pushed::Full(item) => panic!("no place for {item:?}"),
        }
    }

    /// Who is served, to the end.
    fn served<T>(queue: &mut FairQueue<T>) -> Vec<T> {
        std::iter::from_fn(|| queue.take()).collect()
    }

    #[test]
    fn one_who_waits_a_thousand_times_delays_another_by_one_turn() {
        let mut queue = FairQueue::new(2_000);
        (0..1_000).for_each(|number| _ = queue.push(1, (1, number)));
        queue.push(2, (2, 0));
        assert_eq!([queue.take(), queue.take(), queue.take()].map(Option::unwrap), [(1, 0), (2, 0), (1, 1)]);
    }

    #[test]
    fn lines_are_served_in_a_circle_and_each_in_its_order() {
        let mut queue = FairQueue::new(9);
        for (client, item) in [(1, "a"), (1, "b"), (2, "c"), (3, "d"), (2, "e"), (1, "f")] {
            queue.push(client, item);
        }
        assert_eq!(served(&mut queue), ["a", "c", "d", "b", "e", "f"]);
    }

    #[test]
    fn turns_before_a_client_are_those_of_others_up_to_its_own_next() {
        let mut queue = FairQueue::new(99);
        assert_eq!(queue.turns_before(1), 0);
        (0..50).for_each(|_| _ = queue.push(1, 1));
        assert_eq!((queue.turns_before(1), queue.turns_before(2)), (50, 1));
        (0..3).for_each(|_| _ = queue.push(2, 2));
        assert_eq!((queue.turns_before(1), queue.turns_before(2), queue.turns_before(3)), (53, 7, 2));
        let before = queue.turns_before(2);
        queue.push(2, 3);
        let turns = std::iter::from_fn(|| queue.take()).position(|item| item == 3);
        assert_eq!(turns, Some(before));
    }

    #[test]
    fn who_comes_back_waits_for_their_turn_behind_those_who_wait() {
        let mut queue = FairQueue::new(9);
        queue.push(1, "first");
        queue.push(2, "second");
        assert_eq!(queue.take(), Some("first"));
        queue.push(1, "again");
        assert_eq!(served(&mut queue), ["second", "again"]);
    }

    #[test]
    fn a_full_queue_takes_the_place_of_the_last_of_the_longest_line() {
        let mut queue = FairQueue::new(4);
        for item in ["a", "b", "c", "d"] {
            queue.push(1, item);
        }
        assert_eq!(queue.push(1, "e"), Pushed::Full("e"), "nobody displaces themselves");
        assert!(matches!(queue.push(2, "f"), Pushed::Instead { displaced: "d", .. }));
        assert!(matches!(queue.push(2, "g"), Pushed::Instead { displaced: "c", .. }));
        assert_eq!(queue.push(2, "h"), Pushed::Full("h"), "a line that would be no shorter displaces none");
        assert!(matches!(queue.push(3, "i"), Pushed::Instead { .. }));
        assert_eq!(queue.len(), 4);
    }

    #[test]
    fn in_a_queue_of_single_places_nobody_is_displaced() {
        let mut queue = FairQueue::new(2);
        queue.push(1, "a");
        queue.push(2, "b");
        assert_eq!(queue.push(3, "c"), Pushed::Full("c"));
        assert_eq!(FairQueue::new(0).push(1, "a"), Pushed::Full("a"));
    }

    #[test]
    fn who_leaves_is_not_served_and_leaves_once() {
        let mut queue = FairQueue::new(9);
        let first = ticket(queue.push(1, "a"));
        let second = ticket(queue.push(1, "b"));
        queue.push(2, "c");
        assert_eq!((queue.leave(1, first), queue.leave(1, first)), (Some("a"), None));
        assert_eq!(queue.leave(2, second), None, "a ticket is its client's");
        assert_eq!(queue.take(), Some("b"));
        assert_eq!(queue.leave(1, second), None, "it was served");
        assert_eq!((queue.take(), queue.take(), queue.is_empty()), (Some("c"), None, true));
    }

    #[test]
    fn clients_who_may_not_be_served_keep_their_turn() {
        let mut queue = FairQueue::new(9);
        for (client, item) in [(1, "a"), (2, "b"), (1, "c"), (2, "d")] {
            queue.push(client, item);
        }
        assert_eq!(queue.take_of(|client| client != 1), Some("b"));
        assert_eq!(queue.take_of(|_| false), None);
        assert_eq!(served(&mut queue), ["a", "d", "c"]);
    }

    proptest! {
        #[test]
        fn nobody_is_lost_nor_served_twice_and_the_bound_holds(
            most in 0_usize..12,
            steps in prop::collection::vec((0_u8..4, 0_u64..5), 0..200),
        ) {
            let mut queue = FairQueue::new(most);
            let mut waiting: HashMap<u32, (u64, Ticket)> = HashMap::new();
            for (number, (kind, client)) in (0_u32..).zip(steps) {
                match kind {
                    0 | 1 => match queue.push(client, number) {
                        Pushed::Waiting(ticket) => drop(waiting.insert(number, (client, ticket))),
                        Pushed::Instead { ticket, displaced } => {
                            prop_assert!(waiting.remove(&displaced).is_some());
                            waiting.insert(number, (client, ticket));
                        }
                        Pushed::Full(item) => {
                            prop_assert_eq!(item, number);
                            prop_assert_eq!(queue.len(), most);
                        }
                    },
                    2 => {
                        let next = queue.take();
                        prop_assert_eq!(next.is_some(), !waiting.is_empty());
                        prop_assert!(next.is_none_or(|item| waiting.remove(&item).is_some()));
                    }
                    _ => {
                        if let Some((item, (client, ticket))) = waiting.iter().next().map(|(item, of)| (*item, *of)) {
                            prop_assert_eq!(queue.leave(client, ticket), Some(item));
                            waiting.remove(&item);
                        }
                    }
                }
                prop_assert_eq!(queue.len(), waiting.len());
                prop_assert!(queue.len() <= most);
            }
        }

        #[test]
        fn of_clients_who_keep_waiting_none_is_served_more_than_once_more_than_another(
            lines in prop::collection::vec(1_usize..20, 1..8),
        ) {
            let mut queue = FairQueue::new(1_000);
            for (client, length) in (0_u64..).zip(&lines) {
                (0..*length).for_each(|_| _ = queue.push(client, client));
            }
            let shortest = lines.iter().min().copied().unwrap_or(0);
            let mut counts: HashMap<u64, usize> = HashMap::new();
            for _ in 0..shortest * lines.len() {
                *counts.entry(queue.take().unwrap()).or_default() += 1;
                let (least, most) = (counts.values().min().unwrap(), counts.values().max().unwrap());
                prop_assert!(most - least <= 1 || counts.len() < lines.len());
            }
            prop_assert!(counts.values().all(|count| *count == shortest));
        }
    }
}
