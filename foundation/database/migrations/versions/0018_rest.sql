alter table passages
    add column paragraph integer check (paragraph > 0); -- of its page, else of its section; null: cannot be told
