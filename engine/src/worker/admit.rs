//! Has the process find out how many requests gain by running at the same time: looks at its threads for [`crate::admission`],
//! while somebody waits, and sleeps otherwise.
#![forbid(unsafe_code)]

use super::process::Worker;
use crate::admission::{Admission, Sight, Thread};
use crate::runtime::clock;
use std::sync::atomic::Ordering;
use std::time::Duration;
use wire::scoreboard::{RequestRecord, WorkerSlot};

/// The threads, as they were at the last look.
struct Eyes {
    worker: &'static Worker,
    /// What each had computed.
    computed: Vec<i64>,
}

impl Worker {
    /// Looks at the requests of the process, and lets so many in as gain by that, for as long as the process lives.
    pub(super) fn admit(&'static self) {
        let reception = &self.reception;
        let bell = reception.slot.bell();
        let mut admission = Admission::new(self.threads());
        let mut eyes = Eyes::new(self);
        while !reception.home.load(Ordering::SeqCst) {
            let sight = eyes.look();
            let verdict = admission.look(clock(), &sight);
            reception.let_in(verdict.places);
            if sight.waiting {
                std::thread::sleep(verdict.next.unwrap_or(Duration::from_millis(5)));
                continue;
            }
            // A process that nobody is in keeps what it has learnt: that is looked at with the second request.
            let most = if verdict.next.is_some() { reception.slot.places() } else { 1 };
            bell.store(most, Ordering::SeqCst);
            if !eyes.somebody_waits(most) {
                os::futex_wait(bell, most, verdict.next);
            }
            bell.store(WorkerSlot::SILENT, Ordering::SeqCst);
        }
    }
}

impl Eyes {
    fn new(worker: &'static Worker) -> Self {
        Self { worker, computed: vec![0; worker.meters.len()] }
    }

    /// There are more requests than this, on their way or in the queue.
    fn somebody_waits(&self, most: u32) -> bool {
        let reception = &self.worker.reception;
        let claimed = reception.slot.claimed();
        claimed > most || (claimed >= most && reception.board.group.queued.load(Ordering::SeqCst) > 0)
    }

    fn look(&mut self) -> Sight {
        let waiting = self.somebody_waits(self.worker.reception.slot.places());
        let mut busy = false;
        let records = self.worker.records().iter().enumerate();
        Sight {
            waiting,
            threads: records.map(|(index, record)| self.thread(index, record, &mut busy)).collect(),
        }
    }

    /// A thread; a file tells whether it computes now, which is not read where it says nothing new.
    fn thread(&mut self, index: usize, record: &RequestRecord, busy: &mut bool) -> Thread {
        // The request first: what the thread computes meanwhile may not be counted for the one before.
        let (taken, ended) = (record.taken(), record.counters().requests);
        let was = self.computed[index];
        let Some(meter) = self.worker.meters[index].get() else {
            return Thread { taken, ended, ..Thread::default() };
        };
        let computed = meter.computed().max(was);
        self.computed[index] = computed;
        let runnable = taken.is_some() && (computed == was || !*busy) && meter.is_runnable();
        *busy |= runnable;
        Thread { ended, computed, taken, runnable }
    }
}
