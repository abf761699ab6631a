"""Which comments people should look at: uncertain ones, a random audit, disputed ones; and how far people agree."""
