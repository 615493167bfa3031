//! How long the starts of applications have taken, in memory that others read.

use core::sync::atomic::{AtomicU32, Ordering};

/// How long the start of an application has taken, milliseconds.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Took {
    /// Since the process began, until its Python ran; once for all applications.
    pub python: u32,
    /// Waiting for the startup lock, and making the interpreter.
    pub before: u32,
    /// Loading the script.
    pub import: u32,
    /// Its warm-up requests.
    pub warm_up: u32,
}

/// The starts of a process that have succeeded. The process itself writes here.
#[repr(C)]
#[derive(Default)]
pub struct Starts {
    count: AtomicU32,
    python: AtomicU32,
    before: AtomicU32,
    import: AtomicU32,
    warm_up: AtomicU32,
}

/// What was read of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// Applications.
    pub count: u32,
    /// What they have taken together.
    pub took: Took,
}

impl Started {
    /// All of it, milliseconds, without Python's own start.
    pub fn total(&self) -> u64 {
        [self.took.before, self.took.import, self.took.warm_up].into_iter().map(u64::from).sum()
    }
}

impl Starts {
    /// Another process begins.
    pub fn clear(&self) {
        [&self.count, &self.python, &self.before, &self.import, &self.warm_up]
            .iter()
            .for_each(|number| number.store(0, Ordering::Relaxed));
    }

    /// An application has started.
    pub fn add(&self, took: &Took) {
        self.python.store(took.python, Ordering::Relaxed);
        self.before.fetch_add(took.before, Ordering::Relaxed);
        self.import.fetch_add(took.import, Ordering::Relaxed);
        self.warm_up.fetch_add(took.warm_up, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Release);
    }

    /// What they have taken; `None`: none has started.
    pub fn read(&self) -> Option<Started> {
        let count = self.count.load(Ordering::Acquire);
        let [python, before, import, warm_up] = [&self.python, &self.before, &self.import, &self.warm_up]
            .map(|number| number.load(Ordering::Relaxed));
        (count > 0).then_some(Started { count, took: Took { python, before, import, warm_up } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_add_up() {
        let starts = Starts::default();
        assert_eq!(starts.read(), None);
        let took = Took { python: 13, before: 1, import: 790, warm_up: 22 };
        starts.add(&took);
        starts.add(&took);
        let started = starts.read().unwrap();
        assert_eq!((started.count, started.total(), started.took.python), (2, 2 * 813, 13));
        starts.clear();
        assert_eq!(starts.read(), None);
    }
}
