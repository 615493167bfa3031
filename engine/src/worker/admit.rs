//! A worker, as it is seen by who finds out how many requests gain by running at the same time.
#![forbid(unsafe_code)]

use super::process::Worker;
use crate::admission::{By, House, Processor, Sight, Thread, seen, watch};
use crate::requests::ActiveRequest;
use crate::runtime::{CONTACT, clock};
use std::sync::atomic::{AtomicU32, Ordering};
use wire::scoreboard::RequestRecord;

/// The threads, as they were at the last look.
struct Eyes {
    worker: &'static Worker,
    /// What each had computed.
    computed: Vec<i64>,
    /// Their numbers in the system.
    numbers: Vec<u32>,
    processor: Processor,
}

impl Worker {
    /// Lets so many requests in as gain by that, for as long as the process lives.
    pub(super) fn admit(&'static self) {
        let (computed, numbers) = (vec![0; self.meters.len()], Vec::new());
        watch(
            &mut Eyes {
                worker: self,
                computed,
                numbers,
                processor: Processor::new(By::Watcher, CONTACT, self.common.process.one_processor),
            },
            self.threads(),
        );
    }
}

impl House for Eyes {
    fn is_open(&self) -> bool {
        !self.worker.reception.home.load(Ordering::SeqCst)
    }

    fn clock(&self) -> i64 {
        clock()
    }

    fn look(&mut self) -> Sight {
        let waiting = self.somebody_waits(self.places());
        let mut is_busy = false;
        let records = self.worker.records().iter().enumerate();
        let threads = records.map(|(index, record)| self.thread(index, record, &mut is_busy)).collect();
        Sight { waiting, threads, may_stay_together: self.may_stay_together(), least: self.least() }
    }

    fn keep_together(&mut self, together: bool) -> bool {
        let computed = self.computed.iter().sum();
        self.processor.keep(together, clock(), (&self.numbers, computed))
    }

    fn let_in(&mut self, places: u32) {
        self.worker.reception.let_in(places);
    }

    fn places(&self) -> u32 {
        self.worker.reception.slot.places()
    }

    fn somebody_waits(&self, most: u32) -> bool {
        let reception = &self.worker.reception;
        let claimed = reception.slot.claimed();
        claimed > most || (claimed >= most && reception.board.group.queued.count() > 0)
    }

    fn bell(&self) -> &AtomicU32 {
        self.worker.reception.slot.bell()
    }
}

impl Eyes {
    /// As many as GILs are needed, up to the processors.
    fn least(&self) -> u32 {
        match self.processor.least() {
            1 => 1,
            least => least.min(ActiveRequest::gils()),
        }
    }

    /// All threads are there, and nothing speaks against it.
    fn may_stay_together(&mut self) -> bool {
        if self.numbers.len() < self.worker.meters.len() {
            self.numbers =
                self.worker.meters.iter().filter_map(|meter| Some(meter.get()?.thread())).collect();
            return false;
        }
        self.processor.is_possible(clock(), &self.numbers)
    }

    fn thread(&mut self, index: usize, record: &RequestRecord, is_busy: &mut bool) -> Thread {
        // The request first: what the thread computes meanwhile may not be counted for the one before.
        let thread = Thread { taken: record.taken(), ended: record.counters().requests, ..Thread::default() };
        match self.worker.meters[index].get() {
            Some(meter) => seen(thread, meter, (0, &mut self.computed[index]), is_busy),
            None => thread,
        }
    }
}
