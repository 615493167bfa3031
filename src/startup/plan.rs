//! How applications start, as the engine is told: made once in each child, for each virtual host, port and alias.

use crate::apache::{Entrance, Pool, Request, Server, main_server};
use crate::config::ServerExt;
use crate::config::{Alias, Kind};
use crate::routing::{Environ, Route};
use once_cell::sync::OnceCell;
use wire::plan::{StartPlan, WarmUp};

/// A plan of an alias of a server, both known by their addresses, and a port that visitors come through.
struct Entry {
    server: usize,
    alias: usize,
    port: u16,
    plan: StartPlan,
    /// The plan as bytes, for the engine in this process.
    encoded: Vec<u8>,
}

/// The plan of an alias of a server for visitors through this port, for a worker.
pub fn for_worker(server: Server<'_>, port: u16, alias: Option<&Alias>) -> wire::worker::Plan {
    let key = alias.filter(|alias| alias.has_plan()).map_or(0, |alias| key_of(server, port, alias));
    let start = find(server, port, alias).map(|entry| entry.plan.clone()).unwrap_or_default();
    wire::worker::Plan { key, start, ..wire::worker::Plan::default() }
}

/// Ways to a server that plans are made for: one at least, for visitors that the configuration does not tell of.
pub fn entrances(server: Server<'_>) -> Vec<Entrance> {
    let mut entrances = server.entrances();
    if entrances.is_empty() {
        entrances.push(Entrance { local: 80, named: None });
    }
    entrances
}

/// What requests of this alias that come through this port name its plan by, in all processes that read the same
/// configuration of it.
pub fn plan_key(server: Server<'_>, port: u16, alias: Option<&Alias>) -> u64 {
    /// Ports of a server, known by its address.
    type Ports = Vec<(usize, Vec<u16>)>;
    static PORTS: OnceCell<Ports> = OnceCell::new();
    let Some(alias) = alias.filter(|alias| alias.has_plan()) else { return 0 };
    let ports_of = |server: Server<'static>| {
        (server.raw() as usize, entrances(server).iter().map(|entrance| entrance.local).collect())
    };
    let all = PORTS.get_or_init(|| main_server().into_iter().flat_map(Server::all).map(ports_of).collect());
    let known = all.iter().find(|(known, _)| *known == server.raw() as usize);
    let planned = known.and_then(|(_, ports)| ports.iter().find(|known| **known == port).or(ports.first()));
    key_of(server, *planned.unwrap_or(&port), alias)
}

fn key_of(server: Server<'_>, port: u16, alias: &Alias) -> u64 {
    let mut text = Vec::new();
    let mut writer = wire::codec::Writer(&mut text);
    writer.text(server.name()).u16(port).text(&alias.target);
    writer.text(alias.sample().unwrap_or_default());
    if let Kind::Django(django) = &alias.kind {
        writer.text(&django.settings).text(&django.checks).flag(django.finders);
    }
    alias.warm_ups.iter().for_each(|path| {
        writer.text(path);
    });
    wire::codec::hash(&text) | 1
}

static PLANS: OnceCell<Vec<Entry>> = OnceCell::new();

fn key(server: Server<'_>, alias: &Alias) -> (usize, usize) {
    (server.raw() as usize, &raw const *alias as usize)
}

/// Makes the plans of a child. `pool` is the child's.
pub fn prepare(pool: Pool<'static>, main: Server<'static>) {
    let mut plans = Vec::new();
    for server in main.all() {
        let entrances = entrances(server);
        for alias in server.config().aliases.iter().filter(|alias| alias.has_plan()) {
            let (server_key, alias_key) = key(server, alias);
            plans.extend(entrances.iter().map(|&entrance| {
                let plan = plan(pool, server, entrance, alias);
                let encoded = plan.bytes();
                Entry { server: server_key, alias: alias_key, port: entrance.local, plan, encoded }
            }));
        }
    }
    let _ = PLANS.set(plans);
}

/// What is made for requests of this alias that come through this port, or through another one of the server's.
fn find(server: Server<'_>, port: u16, alias: Option<&Alias>) -> Option<&'static Entry> {
    let (server, alias) = key(server, alias.filter(|alias| alias.has_plan())?);
    let plans = PLANS.get().into_iter().flatten();
    let mut its = plans.filter(|entry| entry.server == server && entry.alias == alias).peekable();
    let first = its.peek().copied();
    its.find(|entry| entry.port == port).or(first)
}

/// The plan for requests of this alias that come through this port, encoded; empty: a script without warm-up requests.
pub fn of(server: Server<'_>, port: u16, alias: Option<&Alias>) -> &'static [u8] {
    find(server, port, alias).map_or(&[], |entry| &entry.encoded)
}

fn plan(
    pool: Pool<'static>,
    server: Server<'static>,
    entrance: Entrance,
    alias: &'static Alias,
) -> StartPlan {
    let django = match &alias.kind {
        Kind::Django(django) => Some(django.clone()),
        _ => None,
    };
    let warm_ups = alias.warm_ups.iter().filter_map(|url| warm_up(pool, server, entrance, alias, url));
    StartPlan { django, warm_ups: warm_ups.collect() }
}

/// A request for this URL as a visitor's would be. `None`: the configuration refuses it, which visitors will see.
fn warm_up(
    pool: Pool<'static>,
    server: Server<'static>,
    entrance: Entrance,
    alias: &'static Alias,
    url: &'static [u8],
) -> Option<WarmUp> {
    let path = url.split(|byte| *byte == b'?').next().unwrap_or(url);
    let file = alias.map(pool, pool.unescaped(path))?;
    let request: Request<'static> = pool.synthetic_request(server, entrance, url, &file).ok()?;
    let route = Route::of(request, Some(alias));
    let environ = Environ::of(request, &route);
    let https = environ.https();
    let mut entries: Vec<_> = environ.pairs().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    // httpd's own answer is about the connection, of which there is none.
    let scheme: &[u8] = if https { b"https" } else { b"http" };
    entries.push((b"REQUEST_SCHEME".to_vec(), scheme.to_vec()));
    Some(WarmUp { path: url.to_vec(), environ: entries, https })
}
