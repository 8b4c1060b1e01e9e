"""The support admin beside stock ModelAdmins of the same tables."""
