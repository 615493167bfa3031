//! In a child of Apache: a thread that answers the command `mod-wsgi`, also where no thread is left for requests. What the status page
//! shows is known here; the rest is asked of the engine.

use super::{json, read};
use crate::apache::{AtEnd, Pool, Server, hook, log};
use crate::process::{self, threads::spawn};
use crate::questions::{self, Name};
use crate::serve::embedded;
use os::{Asker, Desk};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;
use wire::message;
use wire::question::{LONGEST, Question, refusal};

/// How long a desk that cannot be used is left alone.
const PAUSE: Duration = Duration::from_secs(1);
const FOR_EVER: Duration = Duration::from_secs(3600);

/// The child ends: what the status page is made of may go. Held by whoever reads it.
static ENDED: RwLock<bool> = RwLock::new(false);
static STOPPED: AtomicBool = AtomicBool::new(false);
static OURS: Mutex<Option<(Arc<Desk>, Name)>> = Mutex::new(None);

/// A child begins.
pub struct Begin;

impl hook::ChildStart for Begin {
    fn run(pool: Pool<'static>, main: Server<'static>) {
        let begun = questions::for_child(process::pid()).and_then(|own| {
            let Some((listener, name)) = own else { return Ok(()) };
            process::stay_loaded();
            let desk = Arc::new(Desk::new(listener));
            *os::lock(&OURS) = Some((desk.clone(), name));
            pool.at_end::<End>();
            spawn("wsgi-questions", &os::everything(), move || attend(&desk))
        });
        if let Err(why) = begun
            && questions::is_first_to_say()
        {
            let text = format!(
                "the command mod-wsgi cannot ask child {} of Apache, and others that fail alike are not named: {why}",
                process::pid()
            );
            log::server_message(Some(main), message::NO_QUESTIONS, text);
        }
    }
}

/// A child ends.
struct End;

impl AtEnd for End {
    fn run() {
        // Copies that an application has forked have the pools too.
        if process::pid() != std::process::id() {
            return;
        }
        STOPPED.store(true, Ordering::SeqCst);
        if let Some((desk, _name)) = os::lock(&OURS).take() {
            os::shut_down(desk.as_raw_fd());
        }
        *os::write_lock(&ENDED) = true;
    }
}

fn attend(desk: &Desk) {
    while !STOPPED.load(Ordering::SeqCst) {
        let waits = desk.waits();
        let pause = if waits.is_some() { FOR_EVER } else { PAUSE };
        let own = os::unistd::geteuid().as_raw();
        if os::poll_these([waits], pause) == [true]
            && let Some(asker) = desk.next(|uid| [0, own].contains(&uid))
        {
            let _ = spawn("wsgi-inspect", &os::everything(), move || hear(asker));
        }
    }
}

fn hear(asker: Asker) {
    let Ok(line) = asker.hear(LONGEST) else { return };
    let _ = match Question::parse(&line) {
        Some(Question::Status) => {
            let ended = os::read_lock(&ENDED);
            let text = if *ended { refusal("this process ends") } else { json::text(&read::snapshot()) };
            drop(ended);
            asker.answer(text.as_bytes())
        }
        _ => match embedded::inspect(&line) {
            Some(answer) => asker.answer(answer.as_ref()),
            None => asker.answer(refusal("Python does not run in this process").as_bytes()),
        },
    };
}
