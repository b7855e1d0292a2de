"""PostgreSQL: one small module per record kind, SQL as SQL, numbered migrations. All SQL but the broker's is here."""
