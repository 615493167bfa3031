//! The queue of what python-main does, and who does it when python-main hangs.
//!
//! One thread of a process makes interpreters and loads scripts: python-main, where Python started. When a script
//! hangs there, another thread takes over, so that a hung import costs that application only; python-main has its
//! place back when the import has ended after all.

use super::interpreter::Interpreter;
use crate::python::keep_gil_for_ever;
use os::lock;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Stack of a thread that loads scripts: what a process's main thread has.
const STACK: usize = 8 << 20;

/// A loader that takes over has taken a task by then.
const STALLED: Duration = Duration::from_secs(2);

/// Number of python-main among the loaders.
pub const PYTHON_MAIN: u64 = 0;

/// What a loader is asked to do.
pub enum Task {
    /// Something to do, such as to start an application; it is given the numbers of loader and task, for
    /// [`Loader::replace`].
    Do(Box<dyn FnOnce((u64, u64)) + Send>),
    /// The last thing that is done, before everything else that waits: nothing of Python runs afterwards.
    End(Box<dyn FnOnce() + Send>),
}

/// The queue of tasks, and which of the threads that load takes the next.
pub struct Loader {
    queue: Mutex<Queue>,
    changed: Condvar,
}

struct Queue {
    tasks: VecDeque<Task>,
    /// Number of the loader that takes tasks.
    loader: u64,
    /// The loader that is running a task.
    busy: Option<u64>,
    /// Numbers of the loaders that wait for a task, or to be needed again.
    waiting: Vec<u64>,
    /// How many there were.
    loaders: u64,
    /// Number of the last task that was taken.
    number: u64,
    /// When a loader that hung was replaced, if nobody has taken a task since.
    replaced: Option<Instant>,
}

impl Default for Loader {
    /// Python-main alone, with nothing to do.
    fn default() -> Self {
        let queue = Queue {
            tasks: VecDeque::new(),
            loader: PYTHON_MAIN,
            busy: None,
            waiting: Vec::new(),
            loaders: 1,
            number: 0,
            replaced: None,
        };
        Self { queue: Mutex::new(queue), changed: Condvar::new() }
    }
}

impl Loader {
    /// Puts a task into the queue: an end before anything else.
    pub fn send(&self, task: Task) {
        let mut queue = lock(&self.queue);
        match task {
            Task::End(_) => queue.tasks.push_front(task),
            _ => queue.tasks.push_back(task),
        }
        self.changed.notify_all();
    }

    /// The next task for this loader. One whose place another has taken waits until it is wanted again: its thread must
    /// not end, for the first thread state of an interpreter must not be deleted before that ends.
    fn next(&self, me: u64) -> (u64, Task) {
        let mut queue = lock(&self.queue);
        if queue.busy == Some(me) {
            queue.busy = None;
            self.changed.notify_all();
        }
        queue.waiting.push(me);
        loop {
            if queue.busy.is_none() {
                if me == PYTHON_MAIN {
                    queue.loader = me;
                }
                if queue.loader == me
                    && let Some(task) = queue.tasks.pop_front()
                {
                    queue.waiting.retain(|waiting| *waiting != me);
                    queue.number += 1;
                    (queue.busy, queue.replaced) = (Some(me), None);
                    return (queue.number, task);
                }
            }
            queue = os::wait(&self.changed, queue);
        }
    }

    /// Serves the queue until the process ends. On a loader, not attached.
    pub fn work(&self, me: u64, main: &Arc<Interpreter>) -> ! {
        loop {
            match self.next(me) {
                (number, Task::Do(work)) => work((me, number)),
                (_, Task::End(work)) => {
                    work();
                    main.attach(|py| keep_gil_for_ever(py));
                }
            }
        }
    }

    /// Threads that hang in a task.
    pub fn hung(&self) -> bool {
        let queue = lock(&self.queue);
        queue.waiting.len() as u64 + u64::from(queue.busy.is_some()) < queue.loaders
    }

    /// No loader takes tasks any more: the one that took over does not get the GIL, or could not be started.
    pub fn is_stalled(&self) -> bool {
        let queue = lock(&self.queue);
        !queue.tasks.is_empty() && queue.replaced.is_some_and(|at| at.elapsed() > STALLED)
    }

    /// This loader hangs in this task: another thread goes on with the queue, unless it has come back in the last moment.
    pub fn replace(&'static self, (hung, task): (u64, u64), main: &Arc<Interpreter>) {
        let me = {
            let mut queue = lock(&self.queue);
            if queue.busy != Some(hung) || queue.number != task {
                return;
            }
            (queue.busy, queue.replaced) = (None, Some(Instant::now()));
            if let Some(waiting) = queue.waiting.first() {
                queue.loader = *waiting;
                self.changed.notify_all();
                return;
            }
            queue.loader = queue.loaders;
            queue.loaders += 1;
            queue.loader
        };
        let main = main.clone();
        let body = move || {
            // Its first thread state is one of the main interpreter, from which others are made and ended.
            main.attach(|_| ());
            self.work(me, &main);
        };
        // Without a thread the queue waits until one of those that hang comes back.
        let _ = std::thread::Builder::new().name("python-loader".into()).stack_size(STACK).spawn(body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loader() -> (Loader, impl Fn(&Loader)) {
        let send = |loader: &Loader| {
            loader.send(Task::End(Box::new(|| ())));
        };
        (Loader::default(), send)
    }

    /// Replaces the hung loader like `replace`, without a thread.
    fn take_over(loader: &Loader, hung: u64) -> u64 {
        let mut queue = lock(&loader.queue);
        assert_eq!(queue.busy.take(), Some(hung));
        queue.loader = queue.loaders;
        queue.loaders += 1;
        queue.loader
    }

    #[test]
    fn python_main_has_its_place_back_and_whoever_hangs_is_not_chosen() {
        let (loader, send) = loader();
        send(&loader);
        loader.next(PYTHON_MAIN);
        let second = take_over(&loader, PYTHON_MAIN);
        send(&loader);
        loader.next(second);
        assert!(loader.hung(), "python-main hangs");
        std::thread::scope(|scope| {
            let main = scope.spawn(|| {
                // It comes back while the second is at a task: it waits, and goes on when that hangs.
                loader.next(PYTHON_MAIN);
            });
            while lock(&loader.queue).waiting.is_empty() {
                std::thread::yield_now();
            }
            let mut queue = lock(&loader.queue);
            queue.busy = None;
            assert_eq!(queue.waiting, [PYTHON_MAIN]);
            queue.loader = queue.waiting[0];
            drop(queue);
            send(&loader);
            main.join().expect("python-main took the task");
        });
        assert!(loader.hung(), "the second does");
        assert_eq!(lock(&loader.queue).busy, Some(PYTHON_MAIN));
    }
}
