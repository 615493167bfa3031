//! What the datagrams say: the numbers of fields, and where their values are from.

use super::datagram::{Datagram, Kind};
use crate::metrics::{Finished, Interval, Phase, Thread};
use crate::requests::ActiveRequest;

/// What is the same in all datagrams of a process.
pub struct Identity {
    /// Versions of the interface, of Python and of httpd; the MPM; the machine.
    pub texts: [Vec<u8>; 5],
    /// Name of the process group; empty: embedded mode.
    pub group: Vec<u8>,
    /// Seconds between samples.
    pub interval: f64,
    /// Seconds after which a request is slow; 0: never.
    pub slow: f64,
    /// `sys.getswitchinterval()`
    pub switch: f64,
    /// Threads that serve requests.
    pub threads: usize,
    /// The User-Agent of slow requests is sent.
    pub user_agent: bool,
}

impl Identity {
    fn whole(&self, datagram: &mut Datagram) {
        for (field, text) in (1..).zip(&self.texts) {
            datagram.text(field, text);
        }
        datagram.text(6, &self.group).int(7, os::parent().into());
    }

    fn short(&self, datagram: &mut Datagram) {
        datagram.text(5, &self.texts[4]).text(6, &self.group);
    }

    /// The process has started.
    pub fn started(&self) -> Datagram {
        let mut datagram = Datagram::new(Kind::Started);
        self.whole(&mut datagram);
        datagram.float(13, self.switch);
        datagram
    }

    /// It takes no requests any more, for a reason.
    pub fn stopping(&self, reason: &str, active: usize) -> Datagram {
        let mut datagram = Datagram::new(Kind::Stopping);
        self.short(&mut datagram);
        datagram.text(130, reason.as_bytes()).int(133, active as u64);
        datagram
    }

    /// It ends, having lived so many microseconds and served so many requests.
    pub fn stopped(&self, reason: &str, uptime: u64, requests: u64, active: usize) -> Datagram {
        let mut datagram = Datagram::new(Kind::Stopped);
        self.short(&mut datagram);
        datagram.text(130, reason.as_bytes()).micros(131, uptime).int(132, requests);
        datagram.int(134, active as u64).int(135, (active == 0).into());
        datagram
    }

    /// What was measured.
    pub fn sample(&self, interval: &Interval) -> Datagram {
        let mut datagram = Datagram::new(Kind::Sample);
        self.whole(&mut datagram);
        datagram.float(10, interval.seconds).float(11, self.interval);
        if self.slow > 0.0 {
            datagram.float(12, self.slow);
        }
        datagram.float(13, self.switch);
        datagram.int(20, interval.all.requests).float(21, interval.throughput());
        datagram.float(22, interval.utilization(self.threads));
        let (user, system) = interval.cpu_rates();
        datagram.float(30, user).float(31, system).float(32, user + system);
        datagram.int(40, interval.memory.0).int(41, interval.memory.1);
        datagram.int(50, self.threads as u64).int(51, interval.threads.len() as u64);
        datagram.int(52, interval.active() as u64);
        self.phases(&mut datagram, interval);
        let traffic = interval.all.traffic;
        datagram.int(100, traffic.input.0).int(101, traffic.input.1);
        datagram.int(102, traffic.output.0).int(103, traffic.output.1);
        for (field, count) in (120..).zip(interval.all.statuses) {
            datagram.int(field, count);
        }
        self.threads(&mut datagram, interval);
        datagram
    }

    fn phases(&self, datagram: &mut Datagram, interval: &Interval) {
        /// The order of the fields, which is not that of phases.
        const FIELDS: [(u16, Phase); 8] = [
            (0, Phase::Server),
            (1, Phase::Queue),
            (2, Phase::Daemon),
            (3, Phase::Application),
            (4, Phase::Request),
            (5, Phase::GilWait),
            (6, Phase::InputRead),
            (7, Phase::OutputWrite),
        ];
        // Of phases that an embedded request does not have, nothing is sent without a request.
        let is_known = |phase: Phase| {
            ![Phase::Queue, Phase::Daemon].contains(&phase) || interval.all.phases[phase as usize].count > 0
        };
        for (field, phase) in FIELDS.into_iter().filter(|(_, phase)| is_known(*phase)) {
            let times = &interval.all.phases[phase as usize];
            datagram.float(60 + field, interval.all.mean(phase as usize));
            if let Some((min, max)) = times.extremes() {
                datagram.micros(70 + field, min).micros(80 + field, max);
            }
            datagram.ints(90 + field, times.buckets.iter().map(|count| u64::from(*count)));
        }
    }

    fn threads(&self, datagram: &mut Datagram, interval: &Interval) {
        const MOST: usize = 128;
        let mut threads = interval.threads.clone();
        threads.resize(threads.len().max(self.threads).min(MOST), Thread::default());
        datagram.ints(110, threads.iter().map(|thread| thread.completed));
        for (at, field) in (111..115).enumerate() {
            datagram.floats(field, threads.iter().map(|thread| thread.times()[at] as f64 / 1e6));
        }
    }

    /// A request that takes long; `ended`: what it took.
    pub fn slow(&self, call: &ActiveRequest, ended: Option<&Finished>) -> Option<Datagram> {
        let (about, (live, arrival)) = (call.about()?, call.live()?);
        let mut datagram = Datagram::new(Kind::Slow);
        let now = live.progress(arrival);
        let phases = ended.map_or(now.phases, |ended| ended.phases);
        let traffic = ended.map_or(now.traffic, |ended| ended.traffic);
        let of = |phase: Phase| phases[phase as usize].unwrap_or(0);
        datagram.int(200, ended.is_some().into());
        datagram.micros(201, u64::try_from(arrival.received).unwrap_or(0)).micros(202, of(Phase::Request));
        datagram.int(203, call.thread_number() as u64).text(204, &about.id);
        datagram.int(205, wire::shown(&about.server_pid).parse().unwrap_or(0));
        datagram.int(230, traffic.input.0).int(231, traffic.input.1);
        datagram.int(232, traffic.output.0).int(233, traffic.output.1);
        datagram.micros(234, of(Phase::InputRead)).micros(235, of(Phase::OutputWrite));
        datagram.micros(220, of(Phase::Server)).micros(221, of(Phase::Queue)).micros(222, of(Phase::Daemon));
        datagram.micros(223, of(Phase::Application)).int(260, about.active as u64);
        datagram
            .micros(224, of(Phase::GilWait))
            .int(225, ended.map_or(now.gil_waits, |ended| ended.gil_waits));
        datagram.int(240, u64::try_from(ended.map_or(now.status, |ended| ended.status)).unwrap_or(0));
        // Only the thread itself can tell its processor time: while the request runs it is 0, as the number of those that run at its
        // end.
        let (user, system) = ended.map_or((0, 0), |ended| ended.cpu);
        datagram.micros(250, user).micros(251, system);
        datagram.int(261, ended.map_or(0, |_| ActiveRequest::running().len() as u64));
        let scheme: &[u8] = if about.https { b"https" } else { b"http" };
        datagram.text(210, &about.method).text(211, scheme).text(212, &about.host);
        datagram.text(213, &about.script_name).text(214, &about.path_info).text(215, &about.protocol);
        datagram.text(216, &about.client);
        if self.user_agent {
            datagram.text(217, &about.user_agent);
        }
        Some(datagram)
    }
}
