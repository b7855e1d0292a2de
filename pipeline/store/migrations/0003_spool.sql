-- What waits on the disks of the ingress processes while the broker is away; told by them, for stages and audit.
-- A process that ends leaves its row until another one has fed its events in: they are accepted, and not lost.

CREATE TABLE spool (
    folder text NOT NULL,            -- the id that lies in the folder itself: hosts and paths change
    process text NOT NULL,           -- who accepted the events
    host text NOT NULL,
    path text NOT NULL,
    events bigint NOT NULL,
    bytes bigint NOT NULL,
    oldest_at timestamptz NOT NULL,
    beat_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (folder, process)
);
