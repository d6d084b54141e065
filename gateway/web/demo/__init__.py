"""The demo's page: the clinic's schedule beside its patients' chats, both alive."""
