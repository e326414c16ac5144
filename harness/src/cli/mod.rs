//! The command line: arguments as given, then resolved, then carried out.
