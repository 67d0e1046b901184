//! What is wrong with a document.

/// Something in a document that cannot be held to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind of problem it is.
    pub kind: Kind,
    /// Where, as a JSON pointer (RFC 6901) into the document.
    pub pointer: String,
    /// The cause.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// Kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The document is not what OpenAPI says.
    Invalid,
    /// The document is right, but this cannot be checked here.
    Unsupported,
}

/// Problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl Problems {
    pub(crate) fn invalid(&mut self, pointer: &str, message: impl Into<String>, help: impl Into<String>) {
        self.add(Kind::Invalid, pointer, message.into(), help.into());
    }

    pub(crate) fn unsupported(&mut self, pointer: &str, message: impl Into<String>, help: impl Into<String>) {
        self.add(Kind::Unsupported, pointer, message.into(), help.into());
    }

    fn add(&mut self, kind: Kind, pointer: &str, message: String, help: String) {
        let problem = Problem { kind, pointer: pointer.to_owned(), message, help };
        // A schema that several operations share is read for each of them.
        if !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }
}
