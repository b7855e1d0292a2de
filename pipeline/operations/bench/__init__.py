"""`leadpipe bench`: real-shaped events through every part of an instance. In: a load. Out: what it did, and its cost.

| room | what it holds |
|---|---|
| `load`      | what is sent: how many, in which bodies, about whom, how fast |
| `bodies`    | the events themselves, as requests |
| `arrivals`  | when each request is due |
| `poster`    | the load generator: keep-alive HTTP/1.1 with as little Python as will do |
| `processes` | CPU and memory of everything that takes part |
| `scrape`    | what `/metrics` says |
| `private`   | an instance of its own, and what it takes to end it |
| `measure`   | one run, from the first request to the last journal row |
"""
