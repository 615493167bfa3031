//! What was measured of requests: sums, extremes and histograms, which can be added to each other.

/// Buckets of a histogram: 16 octaves from 1 ms on, in 4 linear parts each, and what is longer.
pub const BUCKETS: usize = 65;

/// The parts of a request that are measured; [`NAMES`] has them in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// From its arrival at httpd until it was handed over: to a process of a group, or in embedded mode to the application.
    Server,
    /// From then until a thread of the process took it. Daemon mode only.
    Queue,
    /// From then until the application was called. Daemon mode only.
    Daemon,
    /// The call of the application, until its last block was taken and it was closed.
    Application,
    /// All of the above.
    Request,
    /// Waiting for the GIL.
    GilWait,
    /// Waiting for the body of the request.
    InputRead,
    /// Waiting until the answer could be sent.
    OutputWrite,
}

/// What the phases are called.
pub const NAMES: [&str; 8] = [
    "server_time",
    "queue_time",
    "daemon_time",
    "application_time",
    "request_time",
    "gil_wait_time",
    "input_read_time",
    "output_write_time",
];

/// Times of one phase, microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Times {
    /// How many were measured.
    pub count: u64,
    /// All of them together.
    pub total: u64,
    /// The shortest; meaningless without any.
    pub min: u64,
    /// The longest.
    pub max: u64,
    /// How many are of which length.
    pub buckets: [u32; BUCKETS],
}

impl Default for Times {
    fn default() -> Self {
        Self { count: 0, total: 0, min: u64::MAX, max: 0, buckets: [0; BUCKETS] }
    }
}

impl Times {
    fn add(&mut self, micros: u64) {
        self.count += 1;
        // Clocks may be set.
        self.total = self.total.saturating_add(micros);
        self.min = self.min.min(micros);
        self.max = self.max.max(micros);
        self.buckets[bucket(micros)] += 1;
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.total = self.total.saturating_add(other.total);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.buckets.iter_mut().zip(other.buckets).for_each(|(all, more)| *all += more);
    }

    /// The shortest and the longest.
    pub fn extremes(&self) -> Option<(u64, u64)> {
        (self.count > 0).then_some((self.min, self.max))
    }
}

/// The bucket of a time.
fn bucket(micros: u64) -> usize {
    const FIRST: u64 = 1000;
    const LAST: usize = BUCKETS - 1;
    if micros < FIRST {
        return 0;
    }
    let octave = (micros / FIRST).ilog2() as usize;
    let start = FIRST << octave.min(16);
    let part = ((micros - start) * 4 / start) as usize;
    (octave * 4 + part).min(LAST)
}

/// Bodies of requests and answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes of bodies that the application has read, and how often it asked.
    pub input: (u64, u64),
    /// Bytes of bodies that it has sent, and in how many blocks.
    pub output: (u64, u64),
}

/// One request that has ended; times are microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Finished {
    /// Each phase; `None`: the request had no such phase.
    pub phases: [Option<u64>; 8],
    /// What was read and sent.
    pub traffic: Traffic,
    /// Status of the answer; 0: there was none.
    pub status: i32,
    /// How often it waited for the GIL.
    pub gil_waits: u64,
    /// Time of its thread on the processor: of the program, of the system.
    pub cpu: (u64, u64),
    /// How long its thread had it.
    pub duration: u64,
}

/// What was measured of some requests.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// How many.
    pub requests: u64,
    /// How many with a status of each hundred, from 1xx on.
    pub statuses: [u64; 5],
    /// Each phase.
    pub phases: [Times; 8],
    /// What was read and sent.
    pub traffic: Traffic,
    /// How often they waited for the GIL.
    pub gil_waits: u64,
    /// Microseconds that threads had a request.
    pub busy: u64,
    /// Microseconds of these threads on a processor.
    pub cpu: u64,
    /// The longest that a thread had a request, microseconds.
    pub longest: u64,
}

impl Sample {
    /// Adds a request, of which `busy` microseconds are not counted yet.
    pub fn add(&mut self, request: &Finished, busy: u64) {
        self.requests += 1;
        let hundred = usize::try_from(request.status / 100).unwrap_or(0);
        // An answer that never began is an error of the server's.
        let hundred = if (1..=5).contains(&hundred) { hundred } else { 5 };
        self.statuses[hundred - 1] += 1;
        for (times, micros) in self.phases.iter_mut().zip(request.phases) {
            micros.iter().for_each(|micros| times.add(*micros));
        }
        self.add_traffic(&request.traffic);
        self.gil_waits += request.gil_waits;
        self.busy += busy;
        self.cpu += request.cpu.0 + request.cpu.1;
        self.longest = self.longest.max(request.duration);
    }

    /// Adds another sample.
    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.statuses.iter_mut().zip(other.statuses).for_each(|(all, more)| *all += more);
        self.phases.iter_mut().zip(&other.phases).for_each(|(all, more)| all.merge(more));
        self.add_traffic(&other.traffic);
        self.gil_waits += other.gil_waits;
        self.busy += other.busy;
        self.cpu += other.cpu;
        self.longest = self.longest.max(other.longest);
    }

    fn add_traffic(&mut self, more: &Traffic) {
        for (all, more) in [(&mut self.traffic.input, more.input), (&mut self.traffic.output, more.output)] {
            *all = (all.0 + more.0, all.1 + more.1);
        }
    }

    /// The mean of a phase over all requests, seconds; the phase is one of those of [`NAMES`].
    pub fn mean(&self, phase: usize) -> f64 {
        self.phases[phase].total as f64 / 1e6 / self.requests.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_octaves_of_four_parts() {
        let expected = [
            (0, 0),
            (999, 0),
            (1000, 0),
            (1249, 0),
            (1250, 1),
            (1750, 3),
            (1999, 3),
            (2000, 4),
            (2500, 5),
            (4000, 8),
            (1_505_000, 41),
            (32_768_000, 60),
            (57_344_000, 63),
            (65_535_999, 63),
            (65_536_000, 64),
            (u64::MAX / 4, 64),
        ];
        for (micros, at) in expected {
            assert_eq!(bucket(micros), at, "{micros}");
        }
        assert!((0..70_000_000).step_by(777).map(bucket).is_sorted());
    }

    #[test]
    fn requests_are_counted() {
        let mut sample = Sample::default();
        let mut phases = [None; 8];
        phases[Phase::Application as usize] = Some(1500);
        let traffic = Traffic { input: (6, 1), output: (10, 2) };
        let request = Finished { phases, traffic, status: 404, gil_waits: 2, cpu: (2, 3), duration: 2000 };
        sample.add(&request, 2000);
        sample.add(&Finished { status: 0, phases: [None; 8], ..request }, 1);
        assert_eq!(sample.statuses, [0, 0, 0, 1, 1]);
        let mut all = Sample::default();
        all.merge(&sample);
        all.merge(&sample);
        assert_eq!((all.requests, all.busy, all.cpu, all.longest, all.gil_waits), (4, 4002, 20, 2000, 8));
        assert_eq!(all.traffic, Traffic { input: (24, 4), output: (40, 8) });
        let times = &all.phases[Phase::Application as usize];
        assert_eq!((times.extremes(), times.buckets[2]), (Some((1500, 1500)), 2));
        assert_eq!(all.phases[Phase::Queue as usize].extremes(), None);
        assert!((all.mean(Phase::Application as usize) - 0.00075).abs() < 1e-9);
    }
}
