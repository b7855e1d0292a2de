"""The same job written as the documentation of other libraries shows it, to compare with.

Publish, normalise the phone number, write the person and the applied event once, write a log row: three durable
quorum queues, one message per event, publisher confirms, an acknowledgement after the work, one transaction per event.
"""
