//! What a request does about an application that does not serve: decided from what is known, without doing it.

/// Attempts that hang cost a thread each, so no more are made in a process unless something has changed.
const MOST_HUNG: usize = 3;

/// What a process waits for another one's attempt, beyond the time that a start may take, and at most; microseconds.
const BEYOND: i64 = 30_000_000;
const FOR_OTHERS: i64 = 600_000_000;

/// How long a request waits: microseconds of the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For an attempt of this process, which ends by itself.
    pub own: i64,
    /// For that of another, which is waited for as long as it may take.
    pub others: i64,
}

/// What is known when a request decides.
#[derive(Clone, Copy, Debug, Default)]
pub struct Situation {
    /// The process ends.
    pub stopping: bool,
    /// The last attempt failed in this process.
    pub failed_here: bool,
    /// Another process may take the place of this one.
    pub renewable: bool,
    /// Attempts of this process whose threads hang.
    pub hung: usize,
}

/// What the registry advises, without the claim that comes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advised {
    /// The application may be started.
    Start {
        /// The last attempt failed, and nothing has changed since.
        again: bool,
    },
    /// Another process is at it.
    Wait,
    /// The application failed, and the next attempt is not due.
    Refuse,
}

/// What the request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It waits and looks again, if not too many threads of the process wait.
    Wait,
    /// It has an attempt made and waits for that, if not too many threads of the process wait.
    Start,
    /// It waits until another process has taken the place of this one.
    Renew,
    /// It is refused because of the failure that is known.
    Refuse,
    /// It is refused, because it has waited long enough.
    GiveUp,
    /// It is refused, because the process ends.
    Stop,
}

impl Limits {
    /// For a request that comes `now`. `start`: what an attempt may take, microseconds; without `patience` the request is
    /// the process's own, which waits for an attempt here as long as that takes.
    pub fn new(now: i64, start: i64, patience: Option<i64>) -> Self {
        let own = patience.map_or(i64::MAX, |patience| now.saturating_add(patience));
        let others = now.saturating_add(start.saturating_add(BEYOND).min(FOR_OTHERS));
        Self { own, others: others.min(own) }
    }

    /// While this process starts the application. `stalled`: no loader takes tasks, and the request is the process's own,
    /// which nobody's patience ends.
    pub fn while_moving(&self, now: i64, stopping: bool, stalled: bool) -> Step {
        if stopping {
            Step::Stop
        } else if stalled || now >= self.own {
            Step::GiveUp
        } else {
            Step::Wait
        }
    }

    /// When the registry has advised something.
    pub fn when_advised(&self, now: i64, advised: Advised, situation: &Situation) -> Step {
        match advised {
            Advised::Refuse => Step::Refuse,
            Advised::Start { again: true } if situation.hung >= MOST_HUNG => Step::Refuse,
            // What failed here once is tried in a process that knows nothing of it.
            Advised::Start { .. } if situation.failed_here && situation.renewable => Step::Renew,
            Advised::Start { .. } => Step::Start,
            Advised::Wait if situation.stopping => Step::Stop,
            Advised::Wait if now >= self.others => Step::GiveUp,
            Advised::Wait => Step::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 5_000_000;

    fn limits() -> Limits {
        Limits::new(NOW, 60_000_000, Some(60_000_000))
    }

    #[test]
    fn a_request_waits_as_long_as_a_start_may_take() {
        let limits = limits();
        assert_eq!(limits, Limits { own: NOW + 60_000_000, others: NOW + 60_000_000 });
        for (now, stopping, stalled, step) in [
            (NOW, false, false, Step::Wait),
            (limits.own - 1, false, false, Step::Wait),
            (limits.own, false, false, Step::GiveUp),
            (NOW, false, true, Step::GiveUp),
            (NOW, true, false, Step::Stop),
            (limits.own, true, true, Step::Stop),
        ] {
            assert_eq!(limits.while_moving(now, stopping, stalled), step, "{now} {stopping} {stalled}");
        }
    }

    #[test]
    fn a_process_that_starts_waits_for_its_own_attempt_without_a_limit_and_for_that_of_others_with_one() {
        let limits = Limits::new(NOW, 60_000_000, None);
        assert_eq!(limits, Limits { own: i64::MAX, others: NOW + 90_000_000 });
        let long = Limits::new(NOW, i64::MAX, None);
        assert_eq!(long.others, NOW + FOR_OTHERS);
        assert_eq!(limits.while_moving(i64::MAX - 1, false, false), Step::Wait);
        let none = Situation::default();
        assert_eq!(limits.when_advised(limits.others - 1, Advised::Wait, &none), Step::Wait);
        assert_eq!(limits.when_advised(limits.others, Advised::Wait, &none), Step::GiveUp);
    }

    #[test]
    fn what_the_registry_advises_is_done_if_the_process_may() {
        let (start, again) = (Advised::Start { again: false }, Advised::Start { again: true });
        let calm = Situation::default();
        let stopping = Situation { stopping: true, ..calm };
        let failed = Situation { failed_here: true, ..calm };
        let renewable = Situation { renewable: true, ..calm };
        let to_renew = Situation { failed_here: true, renewable: true, ..calm };
        let few_hang = Situation { hung: MOST_HUNG - 1, ..calm };
        let many_hang = Situation { hung: MOST_HUNG, ..to_renew };
        for (advised, situation, step) in [
            (start, calm, Step::Start),
            (again, calm, Step::Start),
            (again, few_hang, Step::Start),
            (again, many_hang, Step::Refuse),
            (start, Situation { hung: MOST_HUNG, ..calm }, Step::Start),
            (start, many_hang, Step::Renew),
            (start, failed, Step::Start),
            (start, renewable, Step::Start),
            (start, to_renew, Step::Renew),
            (again, to_renew, Step::Renew),
            (start, stopping, Step::Start),
            (Advised::Wait, calm, Step::Wait),
            (Advised::Wait, to_renew, Step::Wait),
            (Advised::Wait, stopping, Step::Stop),
            (Advised::Refuse, calm, Step::Refuse),
            (Advised::Refuse, stopping, Step::Refuse),
            (Advised::Refuse, to_renew, Step::Refuse),
        ] {
            assert_eq!(limits().when_advised(NOW, advised, &situation), step, "{advised:?} {situation:?}");
        }
    }
}
