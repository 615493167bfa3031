//! Configuration directives: how httpd's table of commands reaches safe setters.

use super::module::entry;
use super::{BeingRead, Module, Pool, being_read, sys};
use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;

/// How httpd passes a directive's arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arguments {
    /// One word, unquoted by httpd.
    One,
    /// The rest of the line as it stands.
    Raw,
    /// Those of a container, `<Name …>`: the rest of its first line as it stands, with the `>`.
    Container,
}

/// Where a directive is allowed (httpd doc: "Context").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// Main server only.
    Global,
    /// Main server and `<VirtualHost>`.
    Server,
    /// The contexts of `Server`, and directory-like sections.
    Directory,
    /// The contexts of `Directory`, and `.htaccess` files where `AllowOverride FileInfo` applies.
    FileInfo,
    /// Directory-like sections, and `.htaccess` where `AllowOverride AuthConfig` is in force.
    AuthConfig,
}

/// One directive: everything there is to know about it. `S` is what takes its arguments in.
pub struct Directive<S> {
    /// Name in the configuration file; that of a container begins with `<`.
    pub name: &'static CStr,
    /// How httpd splits its arguments.
    pub arguments: Arguments,
    /// Where it is allowed.
    pub context: Context,
    /// Arguments, as the documentation shows them.
    pub syntax: &'static str,
    /// What holds when it is not given.
    pub default: &'static str,
    /// One line, shown by `apachectl -L` and behind httpd's own messages about arguments.
    pub help: &'static CStr,
    /// The rest of what a user needs to know.
    pub doc: &'static str,
    /// Takes the arguments in.
    pub set: S,
}

/// How a directive is run.
pub trait Command: Sync + 'static {
    /// Takes the arguments in; an error is shown with file and line, and stops the start.
    fn run(&self, line: &mut Line<'_>) -> Result<(), String>;
}

/// The directive that is being read.
pub struct Line<'a> {
    place: Place<'a>,
    dir: *mut c_void,
    args: &'a [u8],
}

impl<'a> Line<'a> {
    /// The argument, or all of them.
    pub fn args(&self) -> &'a [u8] {
        self.args
    }

    /// Where it stands.
    pub fn place(&self) -> Place<'a> {
        self.place
    }

    /// The configuration of the server that it stands in. Only for directives that `.htaccess` cannot hold: those are read
    /// by one thread.
    pub fn server_config<M: Module>(&mut self) -> &mut M::Server {
        // SAFETY: httpd calls `create_server` before the first directive of ours in a server. It reads its configuration
        // files in one thread, one directive after another; nobody else has this server's entry meanwhile, for
        // `Place::elsewhere` leaves it out.
        unsafe { &mut *entry::<M::Server>((*(*self.place.command).server).module_config) }
    }

    /// The per-directory configuration it stands in (at server level: the server's default one).
    pub fn dir_config<M: Module>(&mut self) -> &mut M::Dir {
        // SAFETY: httpd passes what `create_dir` made, which nobody else has seen yet.
        unsafe { &mut *self.dir.cast() }
    }

    /// Has httpd read the lines of this container, in the place where that stands. Their errors are shown with their own
    /// lines.
    pub fn read_contents(&mut self) -> Result<(), String> {
        let command = self.place.command;
        // SAFETY: a live command with its directive, whose children httpd has read before it calls. `self` is borrowed, so
        // that no configuration of it is, which commands of the children may change.
        self.place.complaint(unsafe {
            sys::ap_walk_config((*(*command).directive).first_child, command, (*command).context)
        })
    }
}

/// Where a directive stands, and what can be asked of httpd there.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    command: *mut sys::cmd_parms,
    life: PhantomData<&'a ()>,
}

impl<'a> Place<'a> {
    /// The server or virtual host.
    pub fn server(self) -> BeingRead<'a> {
        self.parts().0
    }

    /// The other servers that have been read so far, main server and virtual hosts, with this module's configuration of
    /// them; servers without a directive of this module are left out.
    pub fn elsewhere<M: Module>(self) -> impl Iterator<Item = (BeingRead<'a>, &'a M::Server)> {
        let here = self.server();
        let all = being_read::main_of(self.pool()).unwrap_or(here).all();
        all.filter(move |server| *server != here).filter_map(|server| Some((server, server.entry::<M>()?)))
    }

    /// Pool of the configuration.
    pub fn pool(self) -> Pool<'a> {
        self.parts().1
    }

    fn parts(self) -> (BeingRead<'a>, Pool<'a>) {
        // SAFETY: httpd passes a live command with its server and a pool, which live while the configuration is read and
        // after.
        unsafe { (BeingRead::from_raw((*self.command).server), Pool::from_raw((*self.command).pool)) }
    }

    /// `file:line` of the directive.
    pub fn location(self) -> String {
        // SAFETY: a live command; its directive is null or live.
        unsafe {
            let Some(directive) = (*self.command).directive.as_ref() else { return String::new() };
            format!("{}:{}", wire::shown(super::text(directive.filename)), directive.line_num)
        }
    }

    /// httpd's complaint if the directive does not stand in the main server.
    pub fn global_only(self) -> Result<(), String> {
        self.outside(sys::GLOBAL_ONLY as u32)
    }

    /// The directive stands in a `.htaccess`, which is read for a request.
    pub fn is_htaccess(self) -> bool {
        self.outside(sys::NOT_IN_HTACCESS as u32).is_err()
    }

    /// httpd's complaint if the directive stands where `forbidden` says.
    fn outside(self, forbidden: u32) -> Result<(), String> {
        // SAFETY: a live command.
        self.complaint(unsafe { sys::ap_check_cmd_context(self.command, forbidden) })
    }

    /// What httpd answers where it may complain: null, or a string of the pool of the command.
    fn complaint(self, complaint: *const c_char) -> Result<(), String> {
        if complaint.is_null() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(super::text(complaint)).into_owned())
    }

    /// A compiled regular expression that lives as the configuration.
    pub fn regex(self, pattern: &[u8]) -> Option<Regex> {
        // SAFETY: pool and string are live.
        let raw = unsafe {
            let pool = self.pool();
            sys::ap_pregcomp(pool.raw(), pool.c_chars(pattern), sys::AP_REG_EXTENDED as i32)
        };
        (!raw.is_null()).then_some(Regex(raw))
    }
}

/// A regular expression of the configuration (PCRE, as in AliasMatch).
#[derive(Clone, Copy)]
pub struct Regex(*mut sys::ap_regex_t);

// SAFETY: a compiled expression is only read.
unsafe impl Sync for Regex {}
// SAFETY: as above.
unsafe impl Send for Regex {}

impl Regex {
    /// Matches `subject`; answers the end of the match and `target` with `$1` … put in. A match of no characters
    /// is none.
    pub fn replace<'p>(&self, pool: Pool<'p>, subject: &[u8], target: &[u8]) -> Option<(usize, &'p [u8])> {
        let mut groups = [sys::ap_regmatch_t { rm_so: -1, rm_eo: -1 }; sys::AP_MAX_REG_MATCH as usize];
        let subject = pool.c_string(subject);
        let target = pool.c_string(target);
        // SAFETY: expression, strings and the array of groups are live.
        unsafe {
            let failed =
                sys::ap_regexec(self.0, subject.as_ptr(), groups.len() as _, groups.as_mut_ptr(), 0) != 0;
            if failed || groups[0].rm_eo <= groups[0].rm_so {
                return None;
            }
            let text = sys::ap_pregsub(
                pool.raw(),
                target.as_ptr(),
                subject.as_ptr(),
                groups.len() as _,
                groups.as_mut_ptr(),
            );
            (!text.is_null()).then(|| (groups[0].rm_eo as usize, CStr::from_ptr(text).to_bytes()))
        }
    }
}

unsafe extern "C" fn run<C: Command>(
    command: *mut sys::cmd_parms,
    dir: *mut c_void,
    args: *const c_char,
) -> *const c_char {
    super::guard(c"mod_wsgi panicked on this directive; the log has the place".as_ptr(), || {
        // SAFETY: httpd passes a live command whose `info` is the entry that `record` put there.
        let entry = unsafe { &*(*command).info.cast::<C>() };
        let place = Place { command, life: PhantomData };
        let mut line = Line { place, dir, args: super::text(args) };
        match entry.run(&mut line) {
            Ok(()) => std::ptr::null(),
            Err(complaint) => place.pool().c_chars(complaint.as_bytes()),
        }
    })
}

/// httpd's table of commands; `N` is one more than the number of directives, for the entry that ends it.
#[repr(transparent)]
pub struct Records<const N: usize>([sys::command_rec; N]);

// SAFETY: pointers to constants; httpd only reads the table.
unsafe impl<const N: usize> Sync for Records<N> {}

impl<const N: usize> Records<N> {
    /// The table for these parts.
    pub const fn of<S>(parts: &'static [&'static [Directive<S>]]) -> Self
    where
        Directive<S>: Command,
    {
        assert!(count(parts) + 1 == N);
        const END: sys::command_rec = sys::command_rec {
            name: std::ptr::null(),
            func: sys::cmd_func { no_args: None },
            cmd_data: std::ptr::null_mut(),
            req_override: 0,
            args_how: 0,
            errmsg: std::ptr::null(),
        };
        let mut records = [END; N];
        let (mut part, mut at, mut next) = (0, 0, 0);
        while part < parts.len() {
            if at == parts[part].len() {
                (part, at) = (part + 1, 0);
                continue;
            }
            records[next] = record(&parts[part][at]);
            (at, next) = (at + 1, next + 1);
        }
        Self(records)
    }

    /// For httpd's module record.
    pub const fn as_ptr(&'static self) -> *const sys::command_rec {
        self.0.as_ptr()
    }
}

/// Number of directives in these parts.
pub const fn count<S>(parts: &[&[Directive<S>]]) -> usize {
    let (mut part, mut number) = (0, 0);
    while part < parts.len() {
        number += parts[part].len();
        part += 1;
    }
    number
}

/// httpd's entry for a directive.
const fn record<S>(entry: &'static Directive<S>) -> sys::command_rec
where
    Directive<S>: Command,
{
    let allowed = match entry.context {
        Context::Global | Context::Server => sys::RSRC_CONF,
        Context::Directory => sys::RSRC_CONF | sys::ACCESS_CONF,
        Context::FileInfo => sys::OR_FILEINFO,
        Context::AuthConfig => sys::OR_AUTHCFG,
    };
    let (func, how) = match entry.arguments {
        Arguments::One => (sys::cmd_func { take1: Some(run::<Directive<S>>) }, sys::cmd_how_TAKE1),
        Arguments::Raw | Arguments::Container => {
            (sys::cmd_func { raw_args: Some(run::<Directive<S>>) }, sys::cmd_how_RAW_ARGS)
        }
    };
    sys::command_rec {
        name: entry.name.as_ptr(),
        func,
        cmd_data: (&raw const *entry).cast_mut().cast(),
        req_override: allowed as i32,
        args_how: how,
        errmsg: entry.help.as_ptr(),
    }
}
