//! What functions of scripts return that the server asks about a request.

use wire::abi::{Value, ValueKind};

/// What a function returned.
#[derive(Debug, PartialEq, Eq)]
pub enum Returned {
    /// The script has no such function.
    Missing,
    /// It raised an exception, which is logged.
    Raised,
    /// `None`
    None,
    /// `True` or `False`
    Bool(bool),
    /// A `str`, in UTF-8.
    Text(Vec<u8>),
    /// A `bytes`
    Bytes(Vec<u8>),
    /// The items of an iterable.
    List(Vec<Vec<u8>>),
    /// An iterable with an item of this type in it, which is neither `str` nor `bytes`.
    BadItem(String),
    /// Something else, of this type.
    Other(String),
}

impl Returned {
    /// The type of what was returned, for messages.
    pub fn kind(&self) -> &str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "bool",
            Self::Text(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "an iterable",
            Self::BadItem(kind) | Self::Other(kind) => kind,
            Self::Missing | Self::Raised => "nothing",
        }
    }

    /// Adds what the engine tells next.
    pub fn add(all: &mut Vec<Self>, function: usize, value: Value<'_>) {
        let text = || value.text.get().to_vec();
        let kind = || wire::shown(value.text.get()).into_owned();
        let next = match value.kind {
            ValueKind::Item => {
                if let Some(Self::List(items)) = all.get_mut(function) {
                    items.push(text());
                }
                return;
            }
            ValueKind::Missing => Self::Missing,
            ValueKind::Raised => Self::Raised,
            ValueKind::None => Self::None,
            ValueKind::True => Self::Bool(true),
            ValueKind::False => Self::Bool(false),
            ValueKind::Text => Self::Text(text()),
            ValueKind::Bytes => Self::Bytes(text()),
            ValueKind::List => Self::List(Vec::new()),
            ValueKind::BadItem => Self::BadItem(kind()),
            ValueKind::Other => Self::Other(kind()),
        };
        // An iterable may turn out to be none after some of its items.
        all.truncate(function);
        all.push(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_of_their_functions() {
        let mut all = Vec::new();
        let mut add = |function, kind, text: &[u8]| {
            Returned::add(&mut all, function, Value::of(kind, text));
        };
        add(0, ValueKind::Text, b"a");
        add(1, ValueKind::List, b"");
        add(1, ValueKind::Item, b"x");
        add(1, ValueKind::Item, b"y");
        add(2, ValueKind::List, b"");
        add(2, ValueKind::Item, b"z");
        add(2, ValueKind::Raised, b"");
        add(3, ValueKind::List, b"");
        add(3, ValueKind::BadItem, b"int");
        let list = Returned::List(vec![b"x".to_vec(), b"y".to_vec()]);
        let wanted = [Returned::Text(b"a".to_vec()), list, Returned::Raised, Returned::BadItem("int".into())];
        assert_eq!(all, wanted);
    }
}
