//! The queue of what python-main does, and who does it when python-main hangs.
//!
//! One thread of a process makes interpreters and loads scripts: python-main, where Python started. When a script
//! hangs there, another thread takes over, so that a hung import costs that application only; python-main has its
//! place back when the import has ended after all.

use super::attempt::Attempt;
use super::space::Space;
use super::{ending, lock};
use crate::python::keep_gil_for_ever;
use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

/// Stack of a thread that loads scripts: what a process's main thread has.
const STACK: usize = 8 << 20;

/// Number of python-main among the loaders.
pub const PYTHON_MAIN: u64 = 0;

/// What a loader is asked to do.
pub enum Task {
    /// Start an application.
    Start(Arc<Attempt>),
    /// Release objects that wait for it.
    Release(Arc<Space>),
    /// Take everything down; the answer is whether threads of applications are left.
    End { until: Instant, reply: SyncSender<bool> },
}

/// The queue.
pub struct Crew {
    queue: Mutex<Queue>,
    changed: Condvar,
}

struct Queue {
    tasks: VecDeque<Task>,
    /// Who takes tasks.
    loader: u64,
    /// Who is at one.
    busy: Option<u64>,
    /// How many there were.
    loaders: u64,
    /// Those that have nothing to do any more, and may take over again.
    idle: Vec<u64>,
}

impl Crew {
    /// Python-main alone, with nothing to do.
    pub fn new() -> Self {
        let queue =
            Queue { tasks: VecDeque::new(), loader: PYTHON_MAIN, busy: None, loaders: 1, idle: Vec::new() };
        Self { queue: Mutex::new(queue), changed: Condvar::new() }
    }

    /// Has it done, soon.
    pub fn send(&self, task: Task) {
        lock(&self.queue).tasks.push_back(task);
        self.changed.notify_all();
    }

    /// The next task for this loader. One that another has taken the place of waits until it is wanted again: its
    /// thread must not end, for the first thread state of an interpreter must not be deleted before that ends.
    fn next(&self, me: u64) -> Task {
        let mut queue = lock(&self.queue);
        if queue.busy == Some(me) {
            queue.busy = None;
            self.changed.notify_all();
        }
        if me == PYTHON_MAIN && queue.loader != me {
            let other = std::mem::replace(&mut queue.loader, me);
            queue.idle.push(other);
        } else if queue.loader != me && !queue.idle.contains(&me) {
            // A loader that hung and was replaced by another.
            queue.idle.push(me);
        }
        loop {
            if queue.loader == me
                && queue.busy.is_none()
                && let Some(task) = queue.tasks.pop_front()
            {
                queue.busy = Some(me);
                return task;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Serves the queue until the process ends. On a loader, not attached.
    pub fn work(&self, me: u64, main: &Arc<Space>) -> ! {
        loop {
            match self.next(me) {
                Task::Start(attempt) => attempt.run(),
                Task::Release(space) => space.attach(|py| space.release_pending(py)),
                Task::End { until, reply } => {
                    let _ = reply.send(ending::end_all(until));
                    main.attach(|py| keep_gil_for_ever(py));
                }
            }
        }
    }

    /// The loader hangs: another thread goes on with the queue.
    pub fn replace(&'static self, main: &Arc<Space>) {
        let me = {
            let mut queue = lock(&self.queue);
            queue.busy = None;
            if let Some(idle) = queue.idle.pop() {
                queue.loader = idle;
                self.changed.notify_all();
                return;
            }
            queue.loaders += 1;
            queue.loader = queue.loaders;
            queue.loaders
        };
        let main = main.clone();
        let body = move || {
            // Its first thread state is one of the main interpreter, from which others are made and ended.
            main.attach(|_| ());
            self.work(me, &main);
        };
        // Without a thread the queue waits until the loader has ended what it does.
        let _ = std::thread::Builder::new().name("python-loader".into()).stack_size(STACK).spawn(body);
    }
}
