//! Custom operations with faster backward passes than the framework's.
