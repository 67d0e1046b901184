//! What outlives a process: API keys in an embedded SQLite database.
