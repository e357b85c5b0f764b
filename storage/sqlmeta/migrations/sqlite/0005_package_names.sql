-- Packages by the beginning of their name, whatever their namespace.
CREATE INDEX packages_name ON packages (repository_id, format, name, namespace);
