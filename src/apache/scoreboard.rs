//! httpd's scoreboard: what each of its processes and threads does.

use super::sys;
use std::ffi::c_char;
use wire::httpd::{Child, Server, Thread};

/// The text of a field, which its writer may be changing.
fn text(field: &[c_char]) -> Vec<u8> {
    field.iter().map(|byte| *byte as u8).take_while(|byte| *byte != 0).collect()
}

/// What the scoreboard says now; `None`: there is none.
pub fn read() -> Option<Server> {
    // SAFETY: the scoreboard is as large as its limits say and stays while the server runs, whoever reads it. Its fields are
    // plain data, which other processes change meanwhile: they are copied, without references to them.
    unsafe {
        if sys::ap_exists_scoreboard_image() == 0 {
            return None;
        }
        let global = sys::ap_get_scoreboard_global().read_volatile();
        let limits = [global.server_limit, global.thread_limit].map(|limit| limit.max(0));
        let children = (0..limits[0]).map(|number| {
            let child = sys::ap_get_scoreboard_process(number).read_volatile();
            let threads = (0..limits[1]).map(|at| {
                let mut thread = std::mem::zeroed::<sys::worker_score>();
                sys::ap_copy_scoreboard_worker(&mut thread, number, at);
                Thread {
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
                }
            });
            let threads = threads.collect();
            Child { pid: child.pid, generation: child.generation, quiescing: child.quiescing != 0, threads }
        });
        let children = children.collect();
        let [_, thread_limit] = limits;
        Some(Server {
            thread_limit,
            generation: global.running_generation,
            restarted: global.restart_time,
            children,
        })
    }
}
