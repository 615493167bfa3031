//! WSGIScriptAlias and WSGIScriptAliasMatch: which URLs are which script's.

use super::table::Place;
use super::words::Words;
use crate::apache::Pool;
use crate::apache::command::Regex;

/// URLs of a script.
pub struct Alias {
    /// Which URLs.
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
}

/// How an alias recognises its URLs.
pub enum Url {
    /// Those that begin with this path.
    Prefix(Vec<u8>),
    /// Those that match.
    Match(Regex),
}

const OPTIONS: &str = "process-group=, application-group=, callable-object= and pass-authorization=";

/// The setter of both directives.
pub fn set(place: &mut Place<'_>, line: &[u8], regex: bool) -> Result<(), String> {
    let mut words = Words::of(line);
    let (Some(url), Some(target)) = (words.word(), words.word()) else {
        return Err(format!("{} requires at least two arguments, URL and script file", place.name));
    };
    let target = place.httpd.absolute(&target).unwrap_or(target);
    let url = if regex {
        Url::Match(place.httpd.regex(&url).ok_or("Regular expression could not be compiled.")?)
    } else {
        Url::Prefix(url)
    };
    let mut alias = Alias {
        url,
        target,
        process_group: None,
        application_group: None,
        callable: None,
        pass_authorization: None,
    };
    while let Some(setting) = words.setting() {
        alias.option(setting)?;
    }
    place.server.aliases.push(std::sync::Arc::new(alias));
    Ok(())
}

impl Alias {
    fn option(&mut self, setting: Result<super::words::Setting, Vec<u8>>) -> Result<(), String> {
        let unknown = |word: &[u8]| {
            let word = String::from_utf8_lossy(word).into_owned();
            format!("Invalid option to WSGI script alias definition. '{word}' is none of {OPTIONS}")
        };
        let setting = setting.map_err(|word| unknown(&word))?;
        let empty = setting.value.is_empty();
        match &setting.name[..] {
            b"process-group" if empty => return Err("Invalid name for WSGI process group.".into()),
            b"process-group" => {
                super::dir::refuse_daemon(&setting.value)?;
                self.process_group = Some(setting.value);
            }
            b"application-group" if empty => return Err("Invalid name for WSGI application group.".into()),
            b"application-group" => self.application_group = Some(setting.value),
            b"callable-object" if empty => return Err("Invalid name for WSGI callable object.".into()),
            b"callable-object" => self.callable = Some(setting.value),
            b"pass-authorization" => {
                let value =
                    super::dir::flag(&setting.value).ok_or("Invalid value for authorization flag.")?;
                self.pass_authorization = Some(value);
            }
            name => return Err(unknown(name)),
        }
        Ok(())
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
        }
    }

    /// Everything about it is known before a request comes: the interpreter's name, if it can be loaded at start.
    pub fn preloads(&self) -> Option<&[u8]> {
        let known = |name: &Option<Vec<u8>>| {
            name.as_ref().filter(|n| !n.starts_with(b"%{") || *n == b"%{GLOBAL}").is_some()
        };
        let plain = matches!(self.url, Url::Prefix(_)) || !self.target.contains(&b'$');
        let group = self.application_group.as_deref()?;
        (plain && known(&self.process_group) && known(&self.application_group))
            .then_some(if group == b"%{GLOBAL}" { b"" } else { group })
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
