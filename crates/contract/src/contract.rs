//! A compiled document: finds the operation of a request.

use http::Method;

use crate::{operation::Operation, template::Tree};

/// A compiled document.
#[derive(Debug)]
pub struct Contract {
    operations: Vec<Operation>,
    tree: Tree<Vec<usize>>,
}

/// The operation of a request, and the segments of its path that are parameters, still encoded.
#[derive(Debug)]
pub struct Found<'c, 'p> {
    /// The operation.
    pub operation: &'c Operation,
    /// Its place among [`Contract::operations`].
    pub index: usize,
    /// Path parameters, left to right.
    pub values: Vec<&'p str>,
}

/// Why a request has no operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotFound {
    /// No operation has the path.
    Path,
    /// The path has no such method; those that it has, as the Allow field says it.
    Method(String),
}

impl Contract {
    pub(crate) fn new(operations: Vec<Operation>) -> Self {
        let mut tree: Tree<Vec<usize>> = Tree::default();
        for (index, operation) in operations.iter().enumerate() {
            tree.at(&operation.template.segments).get_or_insert_default().push(index);
        }
        Self { operations, tree }
    }

    /// All operations, in the order of the document.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation of a method and a path in canonical form. `GET` brings `HEAD` with it.
    ///
    /// # Errors
    /// The document has no such operation.
    pub fn find<'p>(&self, method: &Method, path: &'p str) -> Result<Found<'_, 'p>, NotFound> {
        let (here, values) = self.tree.find(path).ok_or(NotFound::Path)?;
        let of = |method: &Method| {
            let here = here.iter().filter_map(|index| Some((*index, self.operations.get(*index)?)));
            here.into_iter().find(|(_, operation)| operation.method == *method)
        };
        let found = of(method).or_else(|| of(&Method::GET).filter(|_| *method == Method::HEAD));
        match found {
            Some((index, operation)) => Ok(Found { operation, index, values }),
            None => Err(NotFound::Method(self.allowed(here))),
        }
    }

    fn allowed(&self, here: &[usize]) -> String {
        let operations = here.iter().filter_map(|index| self.operations.get(*index));
        let mut methods: Vec<&str> = operations.map(|operation| operation.method.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.sort_unstable();
        methods.dedup();
        methods.join(", ")
    }
}
