//! Aliases: which URLs are which application's.

use super::dir::flag;
use crate::apache::Pool;
use crate::apache::command::Regex;
use wire::plan::Django;
use wire::words::Setting;

/// URLs of a script.
pub struct Alias {
    /// The URLs that the alias maps.
    pub url: Url,
    /// The script file, or what its path begins with.
    pub target: Vec<u8>,
    /// `process-group=`
    pub process_group: Option<Vec<u8>>,
    /// `application-group=`
    pub application_group: Option<Vec<u8>>,
    /// `callable-object=`
    pub callable: Option<Vec<u8>>,
    /// `pass-authorization=`
    pub pass_authorization: Option<bool>,
    /// `preload=`
    pub preload: Option<bool>,
    /// `warmup=`: URL paths, each with its query.
    pub warm_ups: Vec<Vec<u8>>,
    /// What it leads to.
    pub kind: Kind,
    /// `file:line` of a directive that gives it URLs.
    pub location: String,
}

/// What an alias leads to.
pub enum Kind {
    /// A script, or a directory of scripts.
    Script,
    /// A Django project, whose manage.py is the target.
    Django(Django),
    /// Files that Apache serves itself.
    Files,
    /// A script that is loaded with the process, whether a URL leads to it or not (WSGIImportScript).
    Import,
    /// A script that handles resources of Apache's (WSGIHandlerScript).
    Handler,
}

/// How an alias recognises its URLs.
pub enum Url {
    /// URLs that begin with this path.
    Prefix(Vec<u8>),
    /// URLs that match this expression.
    Match(Regex),
    /// No URLs.
    Nothing,
}

impl Alias {
    /// Makes an alias without options.
    pub(super) fn new(url: Url, target: Vec<u8>, kind: Kind) -> Self {
        Self {
            url,
            target,
            process_group: None,
            application_group: None,
            callable: None,
            pass_authorization: None,
            preload: None,
            warm_ups: Vec::new(),
            kind,
            location: String::new(),
        }
    }

    /// Makes a script that is loaded when a process of this group starts, into this interpreter.
    pub(super) fn import(script: Vec<u8>, process_group: &[u8], application_group: &[u8]) -> Self {
        let mut import = Self::new(Url::Nothing, script, Kind::Import);
        import.process_group = Some(process_group.to_vec());
        import.application_group = Some(application_group.to_vec());
        import
    }

    /// Takes an option in; false if there is none of that name.
    pub(super) fn option(&mut self, setting: &Setting) -> Result<bool, String> {
        let value = || setting.value.clone();
        let empty = setting.value.is_empty();
        match &setting.name[..] {
            b"process-group" if empty => return Err("Invalid name for WSGI process group.".into()),
            b"process-group" => self.process_group = Some(value()),
            b"application-group" if empty => return Err("Invalid name for WSGI application group.".into()),
            b"application-group" => self.application_group = Some(value()),
            b"callable-object" if empty => return Err("Invalid name for WSGI callable object.".into()),
            b"callable-object" => self.callable = Some(value()),
            b"pass-authorization" => {
                let value = flag(&setting.value).ok_or("Invalid value for authorization flag.")?;
                self.pass_authorization = Some(value);
            }
            b"preload" => {
                self.preload = Some(flag(&setting.value).ok_or("preload= must be one of: On | Off")?)
            }
            b"warmup" => {
                self.warm_ups = setting.value.split(|byte| *byte == b',').map(<[u8]>::to_vec).collect();
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The URL path, with a query or without, is one of this alias's.
    pub fn covers(&self, path: &[u8]) -> bool {
        let end = path.iter().position(|byte| *byte == b'?').unwrap_or(path.len());
        let Url::Prefix(prefix) = &self.url else { return false };
        path.starts_with(b"/") && matches_prefix(prefix, &path[..end]).is_some()
    }

    /// The file that `uri` maps to, if this alias is its.
    pub fn map(&self, pool: Pool<'_>, uri: &[u8]) -> Option<Vec<u8>> {
        match &self.url {
            Url::Prefix(prefix) => {
                let end = matches_prefix(prefix, uri)?;
                let rest = if prefix == b"/" { uri } else { &uri[end..] };
                Some([&self.target[..], rest].concat())
            }
            Url::Match(regex) => {
                let (end, target) = regex.replace(pool, uri, &self.target)?;
                Some([target, &uri[end..]].concat())
            }
            Url::Nothing => None,
        }
    }

    /// A URL path of its, by which the configuration tells everything before a request comes.
    pub fn sample(&self) -> Option<&[u8]> {
        match &self.url {
            Url::Prefix(prefix) if !matches!(self.kind, Kind::Files) => Some(prefix),
            _ => None,
        }
    }

    /// Any number of URLs may each look like the place of an application, which is the same script for all.
    pub fn has_any_number_of_urls(&self) -> bool {
        matches!(self.url, Url::Match(_)) && !self.target.contains(&b'$')
    }

    /// The names of its process group (`%{GLOBAL}` is embedded mode) and its interpreter (empty is the main one) if no URL
    /// is needed to tell where it runs: it names both groups, and one script for all URLs.
    pub fn fixed_groups(&self) -> Option<(&[u8], &[u8])> {
        let known = |name: &[u8]| !name.starts_with(b"%{") || name == b"%{GLOBAL}";
        let (process, application) = (self.process_group.as_deref()?, self.application_group.as_deref()?);
        let one = !matches!(self.url, Url::Match(_)) || self.has_any_number_of_urls();
        // WSGIImportScript takes names literally.
        let literal = matches!(self.kind, Kind::Import);
        let fixed = literal || (one && known(process) && known(application));
        fixed.then_some((process, if application == b"%{GLOBAL}" { b"" } else { application }))
    }

    /// Whether the application is started differently from a plain script.
    pub fn has_plan(&self) -> bool {
        !self.warm_ups.is_empty() || matches!(self.kind, Kind::Django(_))
    }
}

/// Length of the part of `uri` that `prefix` covers. Runs of `/` count as one on both sides, and the match ends at
/// a `/` or at the end (mod_alias, "Alias").
fn matches_prefix(prefix: &[u8], uri: &[u8]) -> Option<usize> {
    let slashes = |text: &[u8], at: usize| text[at..].iter().take_while(|&&byte| byte == b'/').count();
    let (mut p, mut u) = (0, 0);
    while p < prefix.len() {
        if prefix[p] == b'/' {
            let run = slashes(uri, u);
            if run == 0 {
                return None;
            }
            p += slashes(prefix, p);
            u += run;
        } else {
            if uri.get(u) != Some(&prefix[p]) {
                return None;
            }
            p += 1;
            u += 1;
        }
    }
    let whole = prefix.last() == Some(&b'/') || u == uri.len() || uri[u] == b'/';
    whole.then_some(u)
}

#[cfg(test)]
mod tests {
    use super::matches_prefix;

    #[test]
    fn a_prefix_ends_at_a_slash_or_the_end() {
        assert_eq!(matches_prefix(b"/a", b"/a"), Some(2));
        assert_eq!(matches_prefix(b"/a", b"/a/b"), Some(2));
        assert_eq!(matches_prefix(b"/a", b"/ab"), None);
        assert_eq!(matches_prefix(b"/a/", b"/a/b"), Some(3));
        assert_eq!(matches_prefix(b"/a/", b"/a"), None);
        assert_eq!(matches_prefix(b"/", b"/x"), Some(1));
    }

    #[test]
    fn runs_of_slashes_count_as_one() {
        assert_eq!(matches_prefix(b"/a", b"//a///b"), Some(3));
        assert_eq!(matches_prefix(b"//a//b", b"/a/b"), Some(4));
        assert_eq!(matches_prefix(b"/a/", b"/a///b"), Some(5));
    }

    #[test]
    fn case_counts() {
        assert_eq!(matches_prefix(b"/a", b"/A"), None);
    }
}
