//! How applications start, as the engine is told: made once in each child, for each virtual host and alias.

use crate::apache::{Pool, Request, Server};
use crate::config::{Alias, Kind};
use crate::route::{Environ, Route};
use once_cell::sync::OnceCell;
use wire::door::{Django, Plan, WarmUp};
use wire::{Pair, Slice};

/// A plan of an alias of a server, both known by their addresses.
struct Entry {
    server: usize,
    alias: usize,
    plan: &'static Plan,
}

/// The plan of an alias of a server, for a process of our own.
pub fn told(server: Server<'_>, alias: Option<&Alias>) -> wire::worker::Plan {
    let plan = of(server, alias);
    // SAFETY: plans and all they point at live as long as the process.
    #[allow(unsafe_code)]
    unsafe {
        let text = |slice: Slice| slice.bytes().to_vec();
        let warm_ups = wire::slice::array(plan.warm_ups, plan.warm_ups_len);
        wire::worker::Plan {
            key: told_key(server, alias),
            django: plan.django.as_ref().map(|django| wire::worker::Django {
                project: text(django.project),
                url: text(django.url),
                settings: text(django.settings),
                checks: text(django.checks),
                finders: django.finders,
            }),
            warm_ups: warm_ups
                .iter()
                .map(|request| wire::worker::WarmUp {
                    path: text(request.path),
                    environ: wire::slice::array(request.environ, request.environ_len)
                        .iter()
                        .map(|pair| (text(pair.name), text(pair.value)))
                        .collect(),
                    https: request.https,
                })
                .collect(),
            ..wire::worker::Plan::default()
        }
    }
}

/// What requests of this alias name its plan by, in all processes that read the same configuration of it.
pub fn told_key(server: Server<'_>, alias: Option<&Alias>) -> u64 {
    let Some(alias) = alias.filter(|alias| alias.has_plan()) else { return 0 };
    let mut text = Vec::new();
    let mut writer = wire::codec::Writer(&mut text);
    writer.text(server.name()).u16(server.port()).text(&alias.target);
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
        for alias in server.config().aliases.iter().filter(|alias| alias.has_plan()) {
            let (server_key, alias_key) = key(server, alias);
            plans.push(Entry { server: server_key, alias: alias_key, plan: plan(pool, server, alias) });
        }
    }
    let _ = PLANS.set(plans);
}

/// That of a script without warm-up requests.
static PLAIN: Plan = Plan { django: std::ptr::null(), warm_ups: std::ptr::null(), warm_ups_len: 0 };

/// The plan for requests of this alias.
pub fn of(server: Server<'_>, alias: Option<&Alias>) -> &'static Plan {
    let Some(alias) = alias.filter(|alias| alias.has_plan()) else { return &PLAIN };
    let (server, alias) = key(server, alias);
    let mut plans = PLANS.get().into_iter().flatten();
    let found = plans.find(|entry| entry.server == server && entry.alias == alias);
    found.map_or(&PLAIN, |entry| entry.plan)
}

fn plan(pool: Pool<'static>, server: Server<'static>, alias: &'static Alias) -> &'static Plan {
    let django: *const Django = match &alias.kind {
        Kind::Django(django) => Box::leak(Box::new(Django {
            project: Slice::of(&django.project),
            url: Slice::of(&django.url),
            settings: Slice::of(&django.settings),
            checks: Slice::of(&django.checks),
            finders: django.finders,
        })),
        _ => std::ptr::null(),
    };
    let warm_ups = alias.warm_ups.iter().filter_map(|url| warm_up(pool, server, alias, url));
    let warm_ups: &'static [WarmUp] = Box::leak(warm_ups.collect());
    Box::leak(Box::new(Plan { django, warm_ups: warm_ups.as_ptr(), warm_ups_len: warm_ups.len() }))
}

/// A request for this URL as a visitor's would be. `None`: the configuration refuses it, which visitors will see.
fn warm_up(
    pool: Pool<'static>,
    server: Server<'static>,
    alias: &'static Alias,
    url: &'static [u8],
) -> Option<WarmUp> {
    let path = url.split(|byte| *byte == b'?').next().unwrap_or(url);
    let file = alias.map(pool, pool.unescaped(path))?;
    let request: Request<'static> = pool.synthetic_request(server, url, &file).ok()?;
    let route: &'static Route<'static> = Box::leak(Box::new(Route::of(request, Some(alias))));
    let environ = Environ::of(request, route);
    let https = environ.https();
    let mut entries = environ.entries().to_vec();
    // httpd's own answer is about the connection, of which there is none.
    let scheme: &'static [u8] = if https { b"https" } else { b"http" };
    entries.push(Pair { name: Slice::of(b"REQUEST_SCHEME"), value: Slice::of(scheme) });
    let entries: &'static [Pair] = Box::leak(entries.into_boxed_slice());
    Some(WarmUp { path: Slice::of(url), environ: entries.as_ptr(), environ_len: entries.len(), https })
}
