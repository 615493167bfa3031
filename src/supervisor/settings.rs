//! What a process is told: the group's options and the server's, and the applications that it starts.

use super::context::Context;
use crate::apache::{Server, mpm};
use crate::config::ServerExt;
use crate::config::daemon::{Concurrency, Processes, Reload};
use crate::groups::ProcessGroup;
use crate::startup::{self, plan, preload};
use wire::worker::{Plan, Settings, Worker, descriptor};

/// Least stack of a thread: CPython 3.13 overflows a smaller one on deeply nested data.
const LEAST_STACK: u64 = 2 << 20;

/// Applications of process groups that are known from the configuration: the group's name, and the application.
pub type Plans = Vec<(Vec<u8>, Plan)>;

/// The start plans of all applications.
pub fn plans(main: Server<'static>) -> Plans {
    let pool = main.config_pool();
    plan::prepare(pool, main);
    let candidates = preload::candidates(pool, main);
    let mut plans: Plans = candidates
        .into_iter()
        .filter_map(|candidate| {
            let plan = Plan {
                preload: true,
                script: candidate.script.to_vec(),
                group: candidate.group,
                callable: candidate.callable,
                ..candidate.told?
            };
            Some((candidate.process_group, plan))
        })
        .collect();
    // Applications that only requests start have their plans too, whichever process gets the request.
    for server in main.all() {
        let entrances = plan::entrances(server);
        for alias in server.config().aliases.iter().filter(|alias| alias.has_plan()) {
            let told = entrances.iter().map(|entrance| plan::for_worker(server, entrance.local, Some(alias)));
            plans.extend(told.map(|plan| (Vec::new(), plan)));
        }
    }
    plans
}

/// The start plans of a group.
pub fn of_group(live: &ProcessGroup, plans: &Plans) -> Vec<Plan> {
    let chroot = live.group.chroot.as_deref();
    let inside = |plan: &Plan| {
        let script = chroot.and_then(|root| plan.script.strip_prefix(root)).unwrap_or(&plan.script).to_vec();
        Plan { script, ..plan.clone() }
    };
    let mine = |name: &[u8]| name.is_empty() || name == live.group.name;
    plans.iter().filter(|(name, _)| mine(name)).map(|(_, plan)| inside(plan)).collect()
}

/// `script-root=` as the process sees it.
fn script_root(live: &ProcessGroup) -> Vec<u8> {
    let root = live.group.script_root.as_deref().unwrap_or_default();
    match live.group.chroot.as_deref().and_then(|chroot| root.strip_prefix(chroot)) {
        Some(b"") => b"/".to_vec(),
        Some(inside) => inside.to_vec(),
        None => root.to_vec(),
    }
}

/// What came before a process.
pub struct Past {
    /// A process of the group serves beside it.
    pub beside: bool,
    /// The process of the group that died last, and how.
    pub died: Option<(u32, String)>,
}

/// The settings of a process that is forked now.
pub fn settings(context: &Context, live: &ProcessGroup, plans: &[Plan], past: Past) -> Settings {
    let common = common(context, live, past);
    let group = &live.group;
    let mut worker = Worker {
        title: group.display_name.clone().unwrap_or_default(),
        token: live.token.to_vec(),
        peer: group.socket_user.unwrap_or(mpm::unixd_user().0),
        supervisor: context.serial,
        level: context.server(live).log_level(),
        maximum_requests: jittered(group.maximum_requests),
        restart_interval: group.restart_interval.into(),
        inactivity_timeout: group.inactivity_timeout.into(),
        // A process of many threads may have some that are slow: as mod_wsgi has it.
        request_timeout: f64::from(group.request_timeout) * (1.0 + f64::from(live.threads().max(1)).ln()),
        interrupt_timeout: group.interrupt_timeout.into(),
        deadlock_timeout: group.deadlock_timeout.into(),
        rss_limit: group.rss_limit,
        graceful_timeout: group.graceful_timeout.into(),
        eviction_timeout: group.eviction_timeout.into(),
        shutdown_timeout: group.shutdown_timeout.into(),
        send_buffer: group.send_buffer_size,
        receive_buffer: group.receive_buffer_size,
        reload_wait: group.reload_wait,
        reload: match group.reload {
            Reload::Off => 0,
            Reload::Script => 1,
            Reload::Imports => 2,
        },
        ..Worker::default()
    };
    given(&mut worker.locale, &group.locale);
    given(&mut worker.stack, &group.stack_size);
    worker.stack = worker.stack.max(LEAST_STACK);
    Settings { common, worker, plans: plans.to_vec() }
}

/// What processes of either mode are told, as it is for a worker of this group.
fn common(context: &Context, live: &ProcessGroup, past: Past) -> wire::settings::Settings {
    let (group, threads) = (&live.group, live.threads());
    let mut common = startup::settings::of(context.main.config());
    let process = &mut common.process;
    process.process_group = group.name.clone();
    process.daemon = true;
    process.multithread = threads != 1;
    process.multiprocess = group.processes.is_some_and(Processes::are_several);
    process.run_once = threads == 1 && group.maximum_requests == 1;
    process.processes = i32::try_from(live.processes()).unwrap_or(i32::MAX);
    process.threads = i32::try_from(threads).unwrap_or(i32::MAX);
    process.concurrency = group.concurrency.number();
    process.one_processor = group.concurrency == Concurrency::Auto;
    process.interpreters = group.interpreters;
    process.server_metrics = group.server_metrics;
    process.registry = descriptor::REGISTRY;
    process.startup_timeout = startup_timeout(context, live);
    process.startup_timeout_of_group = group.startup_timeout.is_some();
    process.beside = past.beside;
    let (died, died_by) = past.died.unwrap_or_default();
    (process.died, process.died_by) = (died, died_by.into_bytes());
    process.script_root = script_root(live);
    given(&mut process.script_user, &group.script_user);
    given(&mut process.script_group, &group.script_group);
    if threads == 0 {
        // A service may wait for as long as it likes for a permit that nobody gives.
        (process.permits, process.spare_permits) = (0, 0);
    }
    let interpreter = &mut common.interpreter;
    interpreter.python_path = group.python_path.iter().cloned().collect();
    interpreter.switch_interval = 0.0;
    given(&mut interpreter.home, &group.home);
    context.main.config().interpreters.add_to(&mut common);
    if let Some(seconds) = group.switch_interval {
        // As in mod_wsgi, it counts more than what a container says of the process.
        common.of_main().switch_interval = seconds;
    }
    if threads == 0 {
        // A service may wait for a signal.
        common.each_interpreter(|interpreter| interpreter.restrict_signal = false);
    }
    common
}

/// Seconds that an application may take to start; a service never starts, it runs.
pub fn startup_timeout(context: &Context, live: &ProcessGroup) -> f64 {
    const NEVER: f64 = 1e9;
    let server = context.main.config().settings.process.startup_timeout;
    match live.group.startup_timeout {
        _ if live.threads() == 0 => NEVER,
        Some(0) => NEVER,
        Some(seconds) => seconds.into(),
        None => server,
    }
}

/// Processes that were started together are not to end together: up to a tenth is taken off.
fn jittered(requests: u64) -> u64 {
    let most = requests / 10;
    let random = os::random().map_or(0, |bytes| u64::from(bytes[0]) << 8 | u64::from(bytes[1]));
    if most == 0 { requests } else { requests - random % (most + 1) }
}

/// Sets what the configuration gives; the default stays where it does not.
fn given<T: Clone>(field: &mut T, value: &Option<T>) {
    if let Some(value) = value {
        field.clone_from(value);
    }
}
