//! httpd's scoreboard: what each of its processes and threads does.

use super::{mpm, sys};
use std::ffi::c_char;
use wire::httpd::{Child, MOST_THREADS, Server, Thread};

/// The text of a field, which its writer may be changing.
fn text(field: &[c_char]) -> Vec<u8> {
    field.iter().map(|byte| *byte as u8).take_while(|byte| *byte != 0).collect()
}

/// httpd has made it, so that processes which are forked from now on can see it.
pub fn exists() -> bool {
    // SAFETY: reads a variable of httpd.
    unsafe { sys::ap_exists_scoreboard_image() != 0 }
}

/// What the scoreboard says now; `None`: there is none, or too much of it. Any child, and an application in it, may have written what
/// stands there: how large it is this process knows by itself, and all else is copied and passed on.
pub fn read() -> Option<Server> {
    let (children, threads) = mpm::hard_limits();
    let is_small =
        usize::try_from(i64::from(children) * i64::from(threads)).is_ok_and(|all| all <= MOST_THREADS);
    if !exists() || !is_small {
        return None;
    }
    // SAFETY: the scoreboard is as large as the limits of the MPM say and stays while the server runs, whoever reads it. Its
    // fields are plain data, which other processes change meanwhile: they are copied, without references to them.
    let global = unsafe { sys::ap_get_scoreboard_global().read_volatile() };
    Some(Server {
        thread_limit: threads,
        generation: global.running_generation,
        restarted: global.restart_time,
        children: (0..children).map(|number| child(number, threads)).collect::<Option<_>>()?,
    })
}

fn child(number: i32, threads: i32) -> Option<Child> {
    // SAFETY: as in `read`; httpd answers NULL for a number that is too large.
    let child = unsafe {
        let child = sys::ap_get_scoreboard_process(number);
        if child.is_null() {
            return None;
        }
        child.read_volatile()
    };
    Some(Child {
        pid: child.pid,
        generation: child.generation,
        quiescing: child.quiescing != 0,
        threads: (0..threads).map(|at| thread(number, at)).collect::<Option<_>>()?,
    })
}

fn thread(child: i32, at: i32) -> Option<Thread> {
    // SAFETY: as in `child`; httpd copies the record, and ends its texts with NUL.
    let thread = unsafe {
        if sys::ap_get_scoreboard_worker_from_indexes(child, at).is_null() {
            return None;
        }
        let mut thread = std::mem::zeroed::<sys::worker_score>();
        sys::ap_copy_scoreboard_worker(&mut thread, child, at);
        thread
    };
    Some(Thread {
        number: thread.thread_num,
        generation: thread.generation,
        status: thread.status,
        accesses: thread.access_count as u64,
        bytes: thread.bytes_served as i64,
        start: thread.start_time,
        stop: thread.stop_time,
        used: thread.last_used,
        client: text(&thread.client64),
        request: text(&thread.request),
        vhost: text(&thread.vhost),
    })
}
