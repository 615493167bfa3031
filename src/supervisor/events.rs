//! What the supervisor waits for: descriptors that can be read, and times. Each has a typed [`Source`], is registered once when
//! it appears, and goes with what it belongs to. What a wake costs depends on what has happened, not on what is watched.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The longest sleep.
const LONGEST: Duration = Duration::from_secs(3600);

/// A worker for as long as the supervisor lives. (Its pid is given away again.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId {
    /// Index of the group.
    pub group: usize,
    /// Its number among all workers of the supervisor.
    pub serial: u64,
}

/// What has happened. Of what happens together the first of these is seen to first; of workers, the oldest of each group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// httpd's parent has ended.
    Httpd,
    /// httpd's parent, or a later supervisor, has said something.
    Channel,
    /// The module has left httpd's parent, and did not come back in time.
    Alone,
    /// The time that the end may take is up.
    Over,
    /// httpd's scoreboard may be shown again.
    Show,
    /// Something is due in the group of this index.
    Due(usize),
    /// A request waits in the queue of the group of this index.
    Queue(usize),
    /// A worker, or a copy of it, has written something.
    Output(WorkerId),
    /// A worker has said something.
    Bell(WorkerId),
    /// A worker has ended.
    Ended(WorkerId),
    /// A process of this pid that a worker had left behind has ended.
    Remains(WorkerId, u32),
}

impl Source {
    /// The worker that it is about.
    pub fn worker(self) -> Option<WorkerId> {
        match self {
            Self::Output(id) | Self::Bell(id) | Self::Ended(id) | Self::Remains(id, _) => Some(id),
            Self::Httpd
            | Self::Channel
            | Self::Alone
            | Self::Over
            | Self::Show
            | Self::Due(_)
            | Self::Queue(_) => None,
        }
    }
}

/// All that is waited for.
pub struct Events {
    epoll: os::Epoll,
    known: RefCell<Known>,
}

#[derive(Default)]
struct Known {
    /// By the numbers that the system answers with. A number is used once, so an event of what has gone meanwhile leads
    /// nowhere.
    sources: HashMap<u64, Source>,
    /// The last number.
    last: u64,
    times: BTreeSet<(Instant, Source)>,
    /// The same, the other way round.
    due: BTreeMap<Source, Instant>,
    /// What has happened, but was not seen to at once.
    again: BTreeSet<Source>,
}

impl Events {
    /// Nothing to wait for yet.
    pub fn new() -> io::Result<Rc<Self>> {
        Ok(Rc::new(Self { epoll: os::Epoll::new()?, known: RefCell::default() }))
    }

    /// Waits for a file as well, until the answer is dropped.
    pub fn watch<F: AsFd>(self: &Rc<Self>, file: F, source: Source) -> io::Result<Watched<F>> {
        let mut known = self.known.borrow_mut();
        known.last += 1;
        let number = known.last;
        self.epoll.add(file.as_fd(), number)?;
        known.sources.insert(number, source);
        Ok(Watched { file, number, events: self.clone() })
    }

    /// The same, but the source happens once; [`Watched::once_more`] has it happen again.
    pub fn watch_once<F: AsFd>(self: &Rc<Self>, file: F, source: Source) -> io::Result<Watched<F>> {
        let mut known = self.known.borrow_mut();
        known.last += 1;
        let number = known.last;
        self.epoll.add_once(file.as_fd(), number, false)?;
        known.sources.insert(number, source);
        Ok(Watched { file, number, events: self.clone() })
    }

    /// The source happens at that time, and at no other; `None`: not at all.
    pub fn wake_at(&self, source: Source, at: Option<Instant>) {
        let mut known = self.known.borrow_mut();
        if let Some(before) = known.due.remove(&source) {
            known.times.remove(&(before, source));
        }
        if let Some(at) = at {
            known.due.insert(source, at);
            known.times.insert((at, source));
        }
    }

    /// The source happens once more, after all others have been seen to.
    pub fn repeat(&self, source: Source) {
        self.known.borrow_mut().again.insert(source);
    }

    /// Sleeps until something happens; answers what, in the order in which to see to it.
    pub fn wait(&self) -> Vec<Source> {
        let mut numbers = Vec::new();
        // A moment more: what was due at that time is due then.
        self.epoll.wait_for_many(self.rest() + Duration::from_millis(1), &mut numbers);
        let mut known = self.known.borrow_mut();
        let mut happened = std::mem::take(&mut known.again);
        happened.extend(numbers.iter().filter_map(|number| known.sources.get(number)));
        let now = Instant::now();
        while let Some((at, source)) = known.times.first().copied().filter(|(at, _)| *at <= now) {
            known.times.remove(&(at, source));
            known.due.remove(&source);
            happened.insert(source);
        }
        let mut happened: Vec<Source> = happened.into_iter().collect();
        happened.sort_by_key(|source| source.worker());
        happened
    }

    fn rest(&self) -> Duration {
        let known = self.known.borrow();
        match known.times.first() {
            _ if !known.again.is_empty() => Duration::ZERO,
            Some((at, _)) => at.saturating_duration_since(Instant::now()).min(LONGEST),
            None => LONGEST,
        }
    }
}

/// A file that is waited for.
pub struct Watched<F: AsFd> {
    file: F,
    number: u64,
    events: Rc<Events>,
}

impl<F: AsFd> Watched<F> {
    /// Waits once more for what happens once.
    pub fn once_more(&self) -> io::Result<()> {
        self.events.epoll.add_once(self.file.as_fd(), self.number, true)
    }

    /// Waits for it no longer.
    pub fn ignore(&self) {
        // Processes that hold the same file would keep it registered beyond its end here.
        if self.events.known.borrow_mut().sources.remove(&self.number).is_some() {
            self.events.epoll.remove(self.file.as_fd());
        }
    }
}

impl<F: AsFd> Drop for Watched<F> {
    fn drop(&mut self) {
        self.ignore();
    }
}

impl<F: AsFd> Deref for Watched<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.file
    }
}

impl<F: AsFd> AsFd for Watched<F> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    fn id(group: usize, serial: u64) -> WorkerId {
        WorkerId { group, serial }
    }

    #[test]
    fn what_happens_together_comes_in_order() {
        let events = Events::new().unwrap();
        let sources = [
            Source::Ended(id(1, 1)),
            Source::Bell(id(1, 1)),
            Source::Ended(id(0, 9)),
            Source::Bell(id(1, 0)),
            Source::Channel,
            Source::Httpd,
        ];
        let watched = sources.map(|source| events.watch(os::Event::new().unwrap(), source).unwrap());
        watched.iter().for_each(|event| event.wake());
        events.wake_at(Source::Due(3), Some(Instant::now()));
        let mut ordered = events.wait();
        assert_eq!(
            ordered,
            [
                Source::Httpd,
                Source::Channel,
                Source::Due(3),
                Source::Ended(id(0, 9)),
                Source::Bell(id(1, 0)),
                Source::Bell(id(1, 1)),
                Source::Ended(id(1, 1)),
            ]
        );
        // What was not seen to happens again, but for a time.
        ordered.retain(|source| *source != Source::Due(3));
        assert_eq!(events.wait(), ordered);
        watched[0].ignore();
        drop(watched);
        events.repeat(Source::Alone);
        assert_eq!(events.wait(), [Source::Alone]);
    }

    #[test]
    fn what_goes_is_not_heard_of_again_though_others_hold_its_file() {
        let events = Events::new().unwrap();
        let (pipe, other_end) = os::pipe().unwrap();
        let copy = pipe.try_clone().unwrap();
        let watched = events.watch(pipe, Source::Output(id(0, 1))).unwrap();
        os::write_all(other_end.as_raw_fd(), b"x");
        assert_eq!(events.wait(), [Source::Output(id(0, 1))]);
        drop(watched);
        events.wake_at(Source::Over, Some(Instant::now()));
        assert_eq!(events.wait(), [Source::Over]);
        assert!(events.known.borrow().sources.is_empty());
        drop(copy);
    }

    #[test]
    fn a_time_comes_once_and_the_last_one_holds() {
        let events = Events::new().unwrap();
        let (now, hour) = (Instant::now(), Duration::from_secs(3600));
        events.wake_at(Source::Due(0), Some(now));
        events.wake_at(Source::Due(0), Some(now + hour));
        events.wake_at(Source::Due(1), Some(now + hour));
        events.wake_at(Source::Due(1), Some(now));
        events.wake_at(Source::Alone, Some(now));
        events.wake_at(Source::Alone, None);
        assert_eq!(events.wait(), [Source::Due(1)]);
        let known = events.known.borrow();
        assert_eq!((known.times.len(), known.due.len()), (1, 1));
    }
}
