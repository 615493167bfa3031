//! The request threads of a worker, each with its record on the scoreboard.
#![forbid(unsafe_code)]

use super::conn::Conn;
use super::process::Worker;
use super::reception::Service;
use crate::python::set_thread_number;
use crate::runtime::{clock, thread_exit};
use os::Meter;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wire::abi::{End, Outcome};
use wire::scoreboard::{Counters, RequestRecord};

impl Worker {
    /// Starts the request threads; they take requests from now on.
    pub fn serve(&'static self) -> io::Result<()> {
        self.reception.open(self.failed.load(Ordering::SeqCst))?;
        self.reception.let_in(self.concurrency());
        for (index, record) in self.records().iter().enumerate() {
            let number = index + 1;
            let body = move || {
                set_thread_number(number);
                if self.is_admitting() {
                    let _ = self.meters[index].set(Meter::of_thread());
                }
                self.reception.work(&mut Thread { worker: self, record, index });
                thread_exit();
            };
            let stack = usize::try_from(self.settings.stack).unwrap_or(8 << 20);
            std::thread::Builder::new().name(format!("wsgi-{number}")).stack_size(stack).spawn(body)?;
        }
        if self.is_admitting() {
            std::thread::Builder::new().name("wsgi-places".into()).spawn(|| self.admit())?;
        }
        Ok(())
    }

    /// What its threads do, the first one's first.
    pub(super) fn records(&self) -> &'static [RequestRecord] {
        let all = self.reception.board.records(self.reception.place);
        &all[..all.len().min(self.threads() as usize)]
    }

    /// What its threads have done.
    pub(super) fn counters(&self) -> Counters {
        let mut all = Counters::default();
        self.records().iter().for_each(|record| all += record.counters());
        all
    }
}

/// A request thread.
struct Thread {
    worker: &'static Worker,
    record: &'static RequestRecord,
    index: usize,
}

impl Service for Thread {
    fn serve(&mut self, conn: &Arc<Conn>, payload: &[u8]) -> io::Result<Option<Outcome>> {
        let memory = &self.worker.memory;
        memory.begin(self.index);
        let served = self.worker.request(conn, self.record, payload);
        memory.end(self.index, self.record);
        served
    }

    fn ended(&mut self, outcome: Option<Outcome>) {
        if !self.record.is_busy() {
            return;
        }
        let is_failure = |outcome: Outcome| match outcome.end {
            End::Error => outcome.status >= 500,
            End::Truncated | End::Exit => true,
            // A page of the worker's own about a start that has failed has its number.
            End::Complete | End::Short | End::Elsewhere => outcome.id != 0,
        };
        self.record.end(clock(), outcome.is_none_or(is_failure));
        self.worker.note_request();
    }
}
