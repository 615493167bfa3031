//! The process groups of the configuration in force: each with its socket, its scoreboard and its python.
#![deny(unsafe_code)]

pub mod kept;
pub mod python;
pub mod scripts;

use crate::apache::users::{self, Account};
use crate::apache::{Pool, Server, hook, log, mpm};
use crate::config::daemon::{self, GroupOptions, Processes};
use crate::config::{ServerConfig, ServerExt, socket};
use crate::ledger;
use crate::python::apache_user;
use kept::{Kept, KeptGroup};
use pythons::Python;
use std::os::fd::{IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use wire::codec::{Writer, hash};
use wire::scoreboard::{self, Board, Scoreboard, WorkerSlot};
use wire::{frame, message};

/// Slots of the scoreboard of a group: of its processes, their successors, and those that drain. So many that another number
/// of processes needs no other memory.
const SLOTS: u32 = 256;

/// A process group of the configuration in force, with its socket and scoreboard.
pub struct ProcessGroup {
    /// The options of the configuration.
    pub group: Arc<GroupOptions>,
    /// The virtual host that defines it; `None`: the main server.
    pub host: Option<Vec<u8>>,
    /// Index of its server among main server and virtual hosts, by which its log is found.
    pub server: usize,
    /// The group's identity over all generations.
    pub key: u64,
    /// Where its socket is.
    pub path: Vec<u8>,
    /// Descriptor of the listening socket.
    pub listener: RawFd,
    /// The file of the scoreboard.
    pub scoreboard_file: RawFd,
    /// The memory by which children find an idle thread.
    pub board: Board<'static>,
    /// What of it is of the group.
    pub scoreboard: &'static Scoreboard,
    /// What of it is of each worker.
    pub slots: &'static [WorkerSlot],
    /// What only its processes know.
    pub token: [u8; 16],
    /// User and groups of the processes.
    pub identity: Account,
    /// Whether the group runs as the user of Apache's children.
    pub is_apaches: bool,
    /// What they run; or why they cannot.
    pub python: Result<Python, String>,
    /// Index of the group among all groups of the configuration.
    pub number: usize,
    /// Index of its row in the ledger; `None`: that is full.
    pub row: Option<usize>,
}

/// User and groups of a group's processes: Apache's own user and group, except for what the options say.
pub fn identity(group: &GroupOptions) -> Account {
    let apache = apache_user();
    let gid = group.group.unwrap_or(apache.gid);
    match &group.user {
        Some(user) => Account { gid, ..user.clone() },
        None => {
            let home = users::user_numbered(apache.uid).and_then(|user| user.home);
            Account { uid: apache.uid, gid, name: apache.name, home }
        }
    }
}

impl ProcessGroup {
    /// Threads of a process.
    pub fn threads(&self) -> u32 {
        self.group.threads
    }

    /// Number of processes of the group; the most, where it follows the load.
    pub fn processes(&self) -> u32 {
        processes(&self.group)
    }

    /// The group's name, for messages.
    pub fn name(&self) -> std::borrow::Cow<'_, str> {
        wire::shown(&self.group.name)
    }
}

/// The most processes of a group.
fn processes(group: &GroupOptions) -> u32 {
    group.processes.map_or(1, Processes::most)
}

/// The process groups of the configuration in force; children inherit them.
static GROUPS: Mutex<Vec<&'static ProcessGroup>> = Mutex::new(Vec::new());

/// The process that has made them.
static MAKER: AtomicU32 = AtomicU32::new(0);

/// All groups.
pub fn all() -> Vec<&'static ProcessGroup> {
    os::lock(&GROUPS).clone()
}

/// The group of this name.
pub fn find(name: &[u8]) -> Option<&'static ProcessGroup> {
    os::lock(&GROUPS).iter().find(|live| live.group.name == name).copied()
}

/// Clears the places of processes that have ended without anybody to see it.
pub fn clear_dead(live: &ProcessGroup) {
    for slot in live.slots {
        let pid = slot.pid.load(Ordering::SeqCst);
        if pid != 0 && !os::is_alive(pid) {
            slot.clear_dead(pid);
        }
    }
}

/// How long processes may take to end: the longest shutdown-timeout. Where that is 0, which is no bound, the end of the
/// server is one.
pub fn longest_shutdown() -> std::time::Duration {
    const UNBOUNDED: u32 = 60;
    let times = all().into_iter().map(|live| match live.group.shutdown_timeout {
        0 => UNBOUNDED,
        seconds => seconds,
    });
    std::time::Duration::from_secs(times.max().unwrap_or(0).into())
}

/// Whether there are no process groups.
pub fn none() -> bool {
    os::lock(&GROUPS).is_empty()
}

/// Forgets them all, when the configuration goes.
pub fn forget_all() {
    let groups = std::mem::take(&mut *os::lock(&GROUPS));
    python::forget();
    // Children of the parent that end have a copy of its pools, and perhaps threads that look there yet.
    if MAKER.swap(0, Ordering::Relaxed) == std::process::id() {
        groups.into_iter().for_each(forget);
    }
}

/// Maps the scoreboard of a group, until [`forget`], or as long as the process lives.
fn map(file: RawFd, slots: u32, threads: u32) -> std::io::Result<Board<'static>> {
    let (slots, records) = (slots as usize, scoreboard::records(threads));
    let group = os::Mapping::<Scoreboard>::of(file, Scoreboard::size(slots, records))?.leak();
    // SAFETY: the mapping has room for so many slots and records, and stays.
    #[allow(unsafe_code)]
    let board = unsafe { Board::new(group, slots, records) };
    Ok(board)
}

/// New memory for a scoreboard of so many slots, for workers of so many threads.
fn new_scoreboard(slots: u32, threads: u32) -> std::io::Result<OwnedFd> {
    let size = Scoreboard::size(slots as usize, scoreboard::records(threads));
    os::empty_memory(c"mod_wsgi scoreboard", size)
}

/// The configuration of a group goes: what was made of it is not needed any more.
#[allow(unsafe_code)]
fn forget(live: &'static ProcessGroup) {
    // SAFETY: `make` has leaked and mapped them. This process has one thread, and keeps no reference beyond a hook; those that it
    // has forked have copies.
    unsafe {
        os::unmap(live.scoreboard, live.board.size());
        drop(Box::from_raw(std::ptr::from_ref(live).cast_mut()));
    }
}

/// What a group is known by in all generations: if any of this differs it is another group, with processes and a socket
/// of its own.
fn key(group: &GroupOptions, identity: &Account, slots: u32) -> u64 {
    let mut text = Vec::new();
    let mut writer = Writer(&mut text);
    writer
        .text(&group.name)
        .u32(identity.uid)
        .u32(identity.gid)
        .text(group.chroot.as_deref().unwrap_or_default());
    writer.u32(group.socket_user.unwrap_or(u32::MAX)).u32(slots).u16(*frame::VERSIONS.end());
    writer.u32(scoreboard::records(group.threads) as u32).u16(scoreboard::LAYOUT);
    hash(&text)
}

/// Makes the groups of this configuration, or finds their sockets. A socket that cannot be made stops the server's start;
/// on a restart of a running server it is logged.
pub fn make(pool: Pool<'_>, main: Server<'static>, kept: &mut Kept) -> hook::Outcome {
    let mut groups: Vec<&'static ProcessGroup> = Vec::new();
    let generation = mpm::generation();
    for (group, server) in daemon::all(main) {
        let identity = identity(group);
        let wanted = processes(group).saturating_mul(4);
        let slots = if wanted <= SLOTS { SLOTS } else { wanted.next_power_of_two() };
        let key = key(group, &identity, slots);
        // If the socket file was removed, a new one is made; running processes finish what they have.
        kept.groups.retain(|kept| {
            let stays = kept.key != key || os::is_socket(&kept.path);
            if !stays {
                os::close(kept.listener);
                os::close(kept.scoreboard);
            }
            stays
        });
        let serial = kept.serial;
        let kept_group = match kept.groups.iter_mut().find(|kept| kept.key == key) {
            Some(found) => {
                heal(main, group, &identity, found, serial);
                let _ = os::set_backlog(found.listener, group.listen_backlog);
                found.clone()
            }
            None => match create(pool, main.config(), group, &identity, (key, slots), kept) {
                Ok(kept_group) => {
                    kept.groups.push(kept_group.clone());
                    kept_group
                }
                Err(why) => {
                    log::server_message(Some(main), message::SOCKET_FAILED, &why);
                    if generation == 0 {
                        return hook::Outcome::Stop;
                    }
                    continue;
                }
            },
        };
        let board = match map(kept_group.scoreboard, kept_group.slots, group.threads) {
            Ok(mapped) => mapped,
            Err(error) => {
                let name = wire::shown(&group.name);
                let text = format!(
                    "the scoreboard of process group '{name}' cannot be mapped: {error}; restart Apache"
                );
                log::server_message(Some(main), message::SOCKET_FAILED, text);
                continue;
            }
        };
        let position = main.all().position(|other| other.raw() == server.raw()).unwrap_or(0);
        let python = python::found(group);
        if let Err(why) = &python {
            let text = format!(
                "the python of process group '{}' cannot be used: {why}; processes of the group that are running keep serving",
                wire::shown(&group.name)
            );
            log::server_message(Some(main), message::GROUP_UNUSABLE, text);
        }
        let row = ledger::row_of(&mut kept.rows, &group.name);
        groups.push(Box::leak(Box::new(ProcessGroup {
            group: group.clone(),
            host: server.is_virtual().then(|| server.name().to_vec()),
            server: position,
            key,
            path: kept_group.path,
            listener: kept_group.listener,
            scoreboard_file: kept_group.scoreboard,
            board,
            scoreboard: board.group,
            slots: board.slots,
            token: kept_group.token,
            is_apaches: identity.uid == apache_user().uid,
            identity,
            python,
            number: groups.len(),
            row,
        })));
    }
    MAKER.store(std::process::id(), Ordering::Relaxed);
    *os::lock(&GROUPS) = groups;
    hook::Outcome::Go
}

/// Processes of a group hold its socket and its scoreboard, and any code in them can spoil both: what could not be used is made anew.
fn heal(main: Server<'_>, group: &GroupOptions, identity: &Account, kept: &mut KeptGroup, serial: u64) {
    let say = |what: &str| {
        let name = wire::shown(&group.name);
        log::server_message(
            Some(main),
            message::GROUP_HEALED,
            format_args!("process group '{name}': {what}"),
        );
    };
    if os::is_shut(kept.listener) {
        match listen(&kept.path, group) {
            Ok(listener) => {
                os::close(kept.listener);
                kept.listener = listener.into_raw_fd();
                say("a process has shut down its socket; a new socket is created");
            }
            Err(why) => log::server_message(Some(main), message::SOCKET_FAILED, why),
        }
    }
    if is_impossible(kept, identity, group, serial)
        && let Ok(scoreboard) = new_scoreboard(kept.slots, group.threads)
    {
        os::close(kept.scoreboard);
        kept.scoreboard = scoreboard.into_raw_fd();
        say(
            "its scoreboard holds impossible values, so a process has overwritten it; a new scoreboard is created",
        );
    }
}

/// The scoreboard is in a state that processes of the group never leave it in.
fn is_impossible(kept: &KeptGroup, identity: &Account, group: &GroupOptions, serial: u64) -> bool {
    let Ok(board) = map(kept.scoreboard, kept.slots, group.threads) else { return true };
    let served_by = board.group.served_by.load(Ordering::SeqCst);
    let pids = board.slots.iter().map(|slot| slot.pid.load(Ordering::SeqCst));
    let mut alive: Vec<u32> = pids.filter(|pid| *pid != 0 && os::is_alive(*pid)).collect();
    #[allow(unsafe_code)]
    // SAFETY: they were mapped here, and nothing of them is used below.
    unsafe {
        os::unmap(board.group, board.size());
    }
    let free = kept.slots as usize - alive.len();
    alive.sort_unstable();
    let is_stranger = |pid: &u32| os::user_of(*pid).is_some_and(|user| user != identity.uid);
    served_by > serial
        || free <= processes(group) as usize
        || alive.windows(2).any(|pair| pair[0] == pair[1])
        || (users::is_root() && alive.iter().any(is_stranger))
}

fn create(
    pool: Pool<'_>,
    config: &ServerConfig,
    group: &GroupOptions,
    identity: &Account,
    (key, slots): (u64, u32),
    kept: &Kept,
) -> Result<KeptGroup, String> {
    let prefix = socket::prefix(pool, config);
    let owner = if config.socket.rotation == Some(false) {
        format!("u{}", identity.uid)
    } else {
        mpm::generation().to_string()
    };
    let name = format!(".{}.{owner}.{}.sock", std::process::id(), group.id);
    let mut path = [&prefix[..], name.as_bytes()].concat();
    if kept.groups.iter().any(|known| known.path == path) {
        // That of the group as it was before, which serves until this one does.
        let another = format!(".{}.sock", kept.serial + 1);
        path.truncate(path.len() - ".sock".len());
        path.extend_from_slice(another.as_bytes());
    }
    let shown = wire::shown(&path).into_owned();
    if path.len() > os::LONGEST_PATH {
        return Err(format!(
            "the socket of process group '{}' cannot be created: its path '{shown}' has {} characters and the limit is {}; \
             shorten WSGISocketPrefix",
            wire::shown(&group.name),
            path.len(),
            os::LONGEST_PATH
        ));
    }
    let apache = apache_user();
    let place = std::path::Path::new(&*shown);
    if place.parent().is_some_and(std::path::Path::is_dir)
        && let Some(obstacle) = pythons::obstacle(place, &apache)
    {
        return Err(format!(
            "the socket '{shown}' of process group '{}' could not be reached: {}",
            wire::shown(&group.name),
            obstacle.or("move it with WSGISocketPrefix")
        ));
    }
    let listener = listen(&path, group)?;
    let scoreboard =
        new_scoreboard(slots, group.threads).map_err(|e| format!("its scoreboard cannot be created: {e}"))?;
    let token = os::random().map_err(|e| format!("its token cannot be created: {e}"))?;
    Ok(KeptGroup {
        key,
        listener: listener.into_raw_fd(),
        scoreboard: scoreboard.into_raw_fd(),
        slots,
        token,
        path,
    })
}

/// Listens at a path, in the place of whatever is there.
fn listen(path: &[u8], group: &GroupOptions) -> Result<OwnedFd, String> {
    let shown = wire::shown(path);
    let owner = users::is_root().then_some(group.socket_user.unwrap_or(apache_user().uid));
    let _ = std::fs::remove_file(&*shown);
    os::listen(path, owner, group.listen_backlog).map_err(|(what, error)| {
        let remedy = match error.kind() {
            std::io::ErrorKind::NotFound => "create its directory, or name another one with WSGISocketPrefix",
            std::io::ErrorKind::PermissionDenied => {
                "let the server's user write to its directory, or name another one with WSGISocketPrefix"
            }
            std::io::ErrorKind::StorageFull => {
                "the file system is full: make room, or move it with WSGISocketPrefix"
            }
            _ => "see WSGISocketPrefix",
        };
        format!(
            "the socket '{shown}' of process group '{}' cannot be created: {what} ({error}); {remedy}",
            wire::shown(&group.name)
        )
    })
}

#[cfg(test)]
impl ProcessGroup {
    /// A group at a socket of this path, with a scoreboard of its own, for as long as the tests run.
    pub fn of_test(path: &std::path::Path, group: GroupOptions) -> &'static Self {
        let file = new_scoreboard(2, group.threads).unwrap().into_raw_fd();
        let board = map(file, 2, group.threads).unwrap();
        let executable = std::path::PathBuf::new();
        Box::leak(Box::new(Self {
            group: Arc::new(group),
            host: None,
            server: 0,
            key: 1,
            path: path.to_str().unwrap().into(),
            listener: -1,
            scoreboard_file: file,
            board,
            scoreboard: board.group,
            slots: board.slots,
            token: [7; 16],
            identity: Account { uid: 0, gid: 0, name: None, home: None },
            is_apaches: true,
            python: Ok(Python { executable, version: String::new(), prefix: String::new(), library: None }),
            number: 0,
            row: None,
        }))
    }
}
